"""The same training with a callback that reports to a service, and without, in turns."""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lrtune import Client, LeasedTrial
from tests.benchmarks.callbacks.named import TRAININGS
from tests.benchmarks.callbacks.training import REPORTS, Fit, Training
from tests.benchmarks.storage.figures import Check, Figure, Rounds
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

MOST = 1.02
"""Of the time without a callback."""
SIDES = {True: ("with", "with, processor"), False: ("without", "without, processor")}
"""By whether it reports: what the clock says, and the processor's time of all threads of the process."""

Took = tuple[float, float]
"""In seconds: by the clock, and of the processor."""


def run(extras: list[str], *, rounds: int, judged: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """A figure for each framework. The service is a process of its own, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="lrtune-callbacks-") as folder, Programs(Path(folder)) as programs:
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        with Client(service.address) as client:
            for extra in extras:
                say(f"{extra}: {rounds} rounds")
                yield _figure(client, extra, rounds, judged)


def _figure(client: Client, extra: str, rounds: int, judged: bool) -> Figure:
    training = TRAININGS[extra]
    study = client.create_study(extra, max_steps=training.steps, sampler="random", pruner="none")
    trials = study.leases()
    _took(training.make(None))  # What is imported and set up with the first.
    _reporting(next(trials), training)
    found = Rounds()
    for number in range(rounds):
        for reports in (True, False) if number % 2 else (False, True):
            took = _reporting(next(trials), training) if reports else _took(training.make(None))
            for name, seconds in zip(SIDES[reports], took, strict=True):
                found.add(name, seconds)
    sides = found.sides()
    wall, processor = (
        Check(sides[reporting], sides[without], MOST, at_least=False, judged=judged and reporting == "with")
        for reporting, without in zip(SIDES[True], SIDES[False], strict=True)
    )
    return Figure(extra, f"{extra}, {REPORTS} reports", "sqlite", rounds, "s", tuple(sides.values()), (wall, processor))


def _reporting(trial: LeasedTrial, training: Training) -> Took:
    with trial:
        took = _took(training.make(trial))
        assert len(trial.curve) == REPORTS
        return took
    raise AssertionError(f"trial {trial.number} was to be trained to its end, but: {trial.outcome}")


def _took(fit: Fit) -> Took:
    gc.collect()
    began, at_work = time.perf_counter(), time.process_time()
    fit()
    return time.perf_counter() - began, time.process_time() - at_work
