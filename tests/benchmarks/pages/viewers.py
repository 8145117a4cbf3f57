"""Reports a second while a study is watched, by many and by nobody, in turns."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.benchmarks.faults.databases import database
from tests.benchmarks.processes import BenchError, JsonLinesProcess, service_process
from tests.benchmarks.storage.figures import Check, Figure, Rounds

LEAST_SHARE = 0.8
"""Reports a second with viewers, as a share of those without."""
MOST_BYTES = 2048
"""Of an update after one report, to each viewer."""
_STUDY = "watched"
_SPEC = {"name": _STUDY, "sampler": {"name": "random"}, "pruner": {"name": "none"}, "prior": "none"}


@dataclass(frozen=True)
class Size:
    """How much is sent: in each round a side's reports, with viewers and without."""

    rounds: int = 7
    viewers: int = 200
    connections: int = 32
    trials: int = 40
    judged: bool = True


QUICK = Size(rounds=1, viewers=10, connections=4, trials=2, judged=False)


def measure(kind: str, size: Size, say: Callable[[str], None]) -> Iterator[Figure]:
    """Reports a second on both sides, and the bytes that came to a viewer. Raises BenchError."""
    sides = ("nobody", f"{size.viewers} viewers")
    rates, told = Rounds(), Rounds()
    with contextlib.ExitStack() as stack:
        db, folder = stack.enter_context(database(kind))
        service = stack.enter_context(service_process(db.url, folder / "service.log"))
        service.wait()
        made = httpx2.post(f"{service.address}/v1/studies", json=_SPEC, trust_env=False)
        if made.status_code != 201:
            raise BenchError(f"the study was answered {made.status_code}: {made.text[:200]}")
        load, watchers = (stack.enter_context(_process(name)) for name in ("storage.load", "pages.watchers"))
        shape = {"study": _STUDY, "connections": size.connections, "trials": size.trials}
        for index in range(size.rounds):
            say(f"{kind}, viewers, round {index + 1} of {size.rounds}")
            for side in sides if index % 2 else sides[::-1]:
                if side != sides[0]:
                    watchers.call(task="begin", address=service.address, study=_STUDY, viewers=size.viewers)
                rates.add(side, load.call(task="reports", address=service.address, **shape)["rate"])
                if side != sides[0]:
                    came = watchers.call(task="end")
                    told.add("events", came["bytes"] / max(1, came["events"]))
    nobody, viewers = (rates.sides()[side] for side in sides)
    check = Check(viewers, nobody, LEAST_SHARE, True, size.judged)
    yield Figure("viewers", "report + verdict, watched", kind, 0, "/s", (viewers, nobody), (check,))
    events = told.sides()["events"]
    yield Figure("event", "an update under load, to each viewer", kind, 0, "bytes", (events,), ())


@contextlib.contextmanager
def _process(name: str) -> Iterator[JsonLinesProcess]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-bench-")))
        yield stack.enter_context(JsonLinesProcess(f"tests.benchmarks.{name}", log=folder / "log"))
