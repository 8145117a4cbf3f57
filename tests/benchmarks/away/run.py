"""The same training without reports, with reports to a service, and with reports to one that is away, in turns."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from lrtune import Client, LeasedTrial
from lrtune.trainers.client.report_sender import LONGEST_REST_SECONDS
from lrtune.trainers.client.spool.folder import SPOOL
from tests.benchmarks.storage.figures import Check, Figure, Rounds, Side
from tests.end_to_end.conftest import Service
from tests.support.gate import Gate
from tests.support.processes import Programs

STEP_SECONDS = 0.010
STEPS = 200
"""Of one turn."""
KEPT = 50_000
"""Reports that are told after an outage."""
MOST = 1.02
"""Of the time without reports."""


class Work:
    """A step of so many small matrices multiplied, as long as 10 ms on this machine when it is made."""

    def __init__(self) -> None:
        self._matrix = np.random.default_rng(0).normal(size=(128, 128))
        self._times = 1
        self()
        best = min(_seconds(self) for _ in range(200))
        self._times = max(1, round(STEP_SECONDS / best))

    def __call__(self) -> None:
        for _ in range(self._times):
            self._matrix @ self._matrix


class Reporting:
    """A trial that is trained a turn at a time."""

    def __init__(self, trial: LeasedTrial) -> None:
        self.trial = trial
        self._step = 0

    def report(self) -> None:
        """The next step, in the background."""
        self._step += 1
        self.trial.report(self._step, 1 / self._step, wait_seconds=0.0)


def run(*, rounds: int, quick: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """The figures. The service is a process of its own, on SQLite."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="lrtune-away-"))
        stack.enter_context(_spooling_in(f"{folder}/spool"))
        service = Service(stack.enter_context(Programs(Path(folder))), f"sqlite:///{folder}/lrtune.db")
        gate = stack.enter_context(Gate(service.port))
        clients = [stack.enter_context(Client(address)) for address in (service.address, gate.address)]
        steps = 10 * (rounds * STEPS + KEPT)
        spec = {"max_steps": steps, "max_trials": 2, "sampler": "random", "pruner": "none"}
        clients[0].create_study("away", **spec)
        there, away = (next(client.study("away").leases()) for client in clients)
        with there:
            with away:
                yield from _overheads(Reporting(there), Reporting(away), gate, rounds, quick, say)
                kept = _keep_more(away, 1000 if quick else KEPT)
                gate.mend()
                began = time.perf_counter()
            told = Side("told", (kept / (time.perf_counter() - began),))
            yield Figure("told", "reports told once the service is back", "sqlite", 1, "/s", (told,))


def _overheads(
    there: Reporting, away: Reporting, gate: Gate, rounds: int, quick: bool, say: Callable[[str], None]
) -> Iterator[Figure]:
    there.trial.report(0, 1.0, wait_seconds=10.0)
    gate.cut()
    away.trial.report(0, 1.0)
    work, walls, busy = Work(), Rounds(), Rounds()
    turns: list[tuple[str, Callable[[], object]]] = [
        ("none", lambda: None),
        ("there", there.report),
        ("away", away.report),
    ]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, report in (turns[(number + at) % 3] for at in range(3)):
            wall, processor = _turn(work, report, 10 if quick else STEPS)
            walls.add(name, wall)
            busy.add(name, processor)
            time.sleep(LONGEST_REST_SECONDS + 0.1)  # Until the thread has sent what was reported last.
    yield from _figures("wall", "time of a training", walls, rounds, judged=not quick)
    yield from _figures("processor", "its processor time", busy, rounds, judged=False)


def _figures(row: str, title: str, found: Rounds, rounds: int, *, judged: bool) -> Iterator[Figure]:
    sides = found.sides()
    for name in ("there", "away"):
        pair = sides[name], sides["none"]
        check = Check(*pair, MOST, at_least=False, judged=judged)
        yield Figure(f"{row} {name}", f"{title}, the service {name}", "sqlite", rounds, "s", pair, (check,))


def _turn(work: Callable[[], None], report: Callable[[], object], steps: int) -> tuple[float, float]:
    began, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        work()
        report()
    return time.perf_counter() - began, time.process_time() - processor


@contextmanager
def _spooling_in(folder: str) -> Iterator[None]:
    before = os.environ.get(SPOOL)
    os.environ[SPOOL] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[SPOOL]
        else:
            os.environ[SPOOL] = before


def _keep_more(trial: LeasedTrial, reports: int) -> int:
    first = (trial.last_step or 0) + 1
    for step in range(first, first + reports):
        trial.report(step, 1.0, wait_seconds=0.0)
    return first + reports


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
