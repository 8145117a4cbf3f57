"""Honest workers, a process of their own: each holds a lease, and sends a heartbeat or a report every 50 ms."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

from tests.benchmarks.processes import BenchError
from tests.benchmarks.storage.http_client import Connection, UnexpectedReply, connect, post
from tests.benchmarks.storage.json_lines import answer_lines
from tests.benchmarks.storage.requests import Study, Trial

EVERY_SECONDS = 0.05
_AGAIN_SECONDS = 0.1
_START_SECONDS = 60.0
_TOLD = 5


@dataclass
class Seen:
    """What the workers have met since they were last asked."""

    waits: list[float] = field(default_factory=list)
    """Seconds from each heartbeat or report to its answer, whatever it was."""
    lost: int = 0
    """Leases that the service said are lost."""
    refused: int = 0
    """Heartbeats answered 503, or not at all."""
    wrong: list[str] = field(default_factory=list)
    """Answers that a worker should never get, the first few."""


class Workers:
    """`begin` starts them in a thread of their own, `seen` tells and forgets."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._begun = threading.Event()

    def begin(self, address: str, study: str, workers: int) -> None:
        """Lease a trial for each. Raises BenchError."""
        threading.Thread(target=self._run, args=(address, study, workers), daemon=True).start()
        if not self._begun.wait(_START_SECONDS):
            raise BenchError(f"the honest workers got no trials: {self._seen.wrong}")

    def seen(self) -> dict[str, object]:
        """What they met since the last call."""
        seen, self._seen = self._seen, Seen()
        return vars(seen)

    def _run(self, address: str, study: str, workers: int) -> None:
        asyncio.run(self._work_all(address, study, workers))

    async def _work_all(self, address: str, study: str, workers: int) -> None:
        requests = Study(study)
        ready = [asyncio.Event() for _ in range(workers)]
        tasks = [asyncio.create_task(self._work(address, study, requests, one)) for one in ready]
        for one in ready:
            await one.wait()
        self._begun.set()
        await asyncio.gather(*tasks)

    async def _work(self, address: str, study: str, requests: Study, ready: asyncio.Event) -> None:
        connection: Connection | None = None
        trial: Trial | None = None
        step = 0
        while True:
            try:
                if connection is None:
                    (connection,) = await connect(address, 1)
                if trial is None:
                    trial = await requests.ask(connection)
                    ready.set()
                step += 1
                status = await self._beat(connection, study, requests, trial, step)
            except UnexpectedReply as refused:
                self._blame(str(refused))
                status = 0
            except OSError:
                status = 0
            if status == 409:
                self._seen.lost += 1
                trial = None
            elif status in (0, 503):
                self._seen.refused += 1
                connection = None if status == 0 else connection
                await asyncio.sleep(_AGAIN_SECONDS)
            elif status != 200:
                self._blame(f"a heartbeat was answered {status}")
            await asyncio.sleep(EVERY_SECONDS)

    async def _beat(self, connection: Connection, study: str, requests: Study, trial: Trial, step: int) -> int:
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        if step % 2:
            request = requests.report(trial, step)
        else:
            request = post(f"/v1/studies/{study}/trials/{trial[0]}/heartbeat", {"lease": trial[1]})
        connection.send(request, lambda status, _: answered.done() or answered.set_result(status))
        status = await answered
        self._seen.waits.append(time.perf_counter() - began)
        return status

    def _blame(self, what: str) -> None:
        if len(self._seen.wrong) < _TOLD:
            self._seen.wrong.append(what)


def main() -> None:
    """Answer lines of JSON: `begin`, then `seen` as often as wanted."""
    workers = Workers()
    answer_lines({"begin": workers.begin, "seen": workers.seen})


if __name__ == "__main__":
    main()
