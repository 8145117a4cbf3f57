"""The same training with a callback that reports to a service, and without, in turns."""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lrtune import Client, LeasedTrial
from tests.benchmarks.callbacks.trainings import EPOCHS, TRAININGS, Fit
from tests.benchmarks.storage.figures import Check, Figure, Side
from tests.end_to_end.conftest import Service
from tests.support.processes import Programs

MOST = 1.02
"""Of the time without a callback."""


def run(extras: list[str], *, rounds: int, judged: bool, say: Callable[[str], None]) -> Iterator[Figure]:
    """A figure for each framework. The service is a process of its own, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="lrtune-callbacks-") as folder, Programs(Path(folder)) as programs:
        service = Service(programs, f"sqlite:///{folder}/lrtune.db")
        with Client(service.address) as client:
            for extra in extras:
                say(f"{extra}: {rounds} rounds")
                yield _figure(client, extra, rounds, judged)


def _figure(client: Client, extra: str, rounds: int, judged: bool) -> Figure:
    _, make = TRAININGS[extra]
    study = client.create_study(extra, max_steps=EPOCHS, sampler="random", pruner="none")
    trials = study.leases()
    _seconds(make(None))  # What is imported and set up with the first.
    without, reporting = list[float](), list[float]()
    for number in range(rounds):
        for reports in (True, False) if number % 2 else (False, True):
            if reports:
                reporting.append(_reporting_seconds(next(trials), make))
            else:
                without.append(_seconds(make(None)))
    sides = Side("with", tuple(reporting)), Side("without", tuple(without))
    check = Check(*sides, MOST, at_least=False, judged=judged)
    return Figure(extra, f"{extra}, {EPOCHS} reports", "sqlite", rounds, "s", sides, (check,))


def _reporting_seconds(trial: LeasedTrial, make: Callable[[LeasedTrial], Fit]) -> float:
    with trial:
        took = _seconds(make(trial))
        assert len(trial.curve) == EPOCHS
        return took
    raise AssertionError(f"trial {trial.number} was to be trained to its end, but: {trial.outcome}")


def _seconds(fit: Fit) -> float:
    gc.collect()
    began = time.perf_counter()
    fit()
    return time.perf_counter() - began
