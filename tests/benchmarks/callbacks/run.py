"""The same training with a callback that reports to a service, and without, in turns."""

import gc
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
    without, reporting, rest = list[float](), list[float](), list[float]()
    for number in range(rounds):
        for reports in (True, False) if number % 2 else (False, True):
            if reports:
                took, reported = _of(next(trials), make)
                reporting.append(took)
                rest.append(took - reported)
            else:
                without.append(_seconds(make(None)))
    whole = Side("with", tuple(reporting))
    sides = whole, Side("with, less its reports", tuple(rest)), Side("without", tuple(without))
    within = Check(whole, sides[1], MOST, at_least=False, judged=judged)
    in_turns = Check(whole, sides[2], MOST, at_least=False, judged=False)
    return Figure(extra, f"{extra}, {EPOCHS} reports", "sqlite", rounds, "s", sides, (within, in_turns))


def _of(trial: LeasedTrial, make: Callable[[LeasedTrial], Fit]) -> tuple[float, float]:
    """The seconds of a training, and those of them in which it waited for the service's verdicts."""
    waited, report = list[float](), trial.report

    def timed(*arguments: Any, **named: Any) -> None:
        began = time.perf_counter()
        try:
            report(*arguments, **named)
        finally:
            waited.append(time.perf_counter() - began)

    trial.report = timed  # type: ignore[method-assign]
    with trial:
        took = _seconds(make(trial))
        assert len(waited) == EPOCHS
        return took, sum(waited)
    raise AssertionError(f"trial {trial.number} was to be trained to its end, but: {trial.outcome}")


def _seconds(fit: Fit) -> float:
    gc.collect()
    began = time.perf_counter()
    fit()
    return time.perf_counter() - began
