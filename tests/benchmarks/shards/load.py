"""The load generator of `bench shards`, a process of its own: one connection a study, to whichever address is said."""

import asyncio
import time
from collections.abc import Sequence

import uvloop

from tests.benchmarks.processes import processor_seconds
from tests.benchmarks.storage.http_client import connect
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.load import stream
from tests.benchmarks.storage.requests import Study


def reports(studies: dict[str, str], steps: int, pids: Sequence[int]) -> dict[str, float]:
    """Reports a second: a trial of each study, leased before the clock starts, reports so many steps. `studies`: the
    address that each is asked for at. `pids`: of the servers, whose processor seconds for a report are told, summed."""

    async def measure() -> dict[str, float]:
        opened = [(await connect(address, 1))[0] for address in studies.values()]
        requests = [Study(name) for name in studies]
        leased = await asyncio.gather(*(one.ask(link) for one, link in zip(requests, opened, strict=True)))
        sent = [
            [one.report(trial, step) for step in range(1, steps + 1)]
            for one, trial in zip(requests, leased, strict=True)
        ]
        before, began = sum(map(processor_seconds, pids)), time.perf_counter()
        await asyncio.gather(*(stream(*pair) for pair in zip(opened, sent, strict=True)))
        count = steps * len(studies)
        found = {
            "rate": count / (time.perf_counter() - began),
            "processor_seconds": (sum(map(processor_seconds, pids)) - before) / count,
        }
        finished = zip(requests, opened, leased, strict=True)
        await asyncio.gather(*(one.finish(link, trial) for one, link, trial in finished))
        for link in opened:
            link.close()
        return found

    return uvloop.run(measure())


if __name__ == "__main__":
    answer_lines({"reports": reports})
