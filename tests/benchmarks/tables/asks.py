"""`bench asks`: what the draw of a trial costs in processor time, by sampler and history.

The table of docs/explanation/performance.md.
"""

import os
import time
from itertools import count
from statistics import median
from typing import Annotated

import typer
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.sampling.draw import draw
from lrtune.service.tuning.sampling.random_values import generator, random_value
from lrtune.service.tuning.sampling.snapshots import snapshot_for
from lrtune.service.tuning.state.space.distributions import study_distributions
from lrtune.service.wire.studies import StudySpec
from tests.benchmarks.command_line import Quick, markdown, measuring, say

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "weight_decay": {"type": "float", "low": 1e-6, "high": 1e-1, "log": True},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "layers": {"type": "int", "low": 1, "high": 6},
    "width": {"type": "int", "low": 16, "high": 512, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
}
"""Eight parameters."""

HISTORIES = (0, 100, 1_000, 10_000)
STEPS, DIVERGES_FROM = 30, 0.1


def history(sampler: str, trials: int) -> StudyMirror:
    """A study with so many trials that ended, with curves; at large rates they diverged."""
    body = {"name": "asks", "sampler": {"name": sampler}, "search_space": SPACE, "max_steps": STEPS}
    spec = StudySpec.model_validate(body)
    study = StudyMirror(1, "asks", [StudyDirection.MINIMIZE], spec=spec)
    distributions = dict(study_distributions(study))
    for number in range(trials):
        source = generator(1, number)
        params = {name: random_value(parameter, source) for name, parameter in spec.search_space.items()}
        value = float(params["learning_rate"]) * float(params["dropout"]) + source.random()
        diverged = params["learning_rate"] > DIVERGES_FROM
        trial = TrialMirror(number + 1, number, TrialState.PRUNED if diverged else TrialState.COMPLETE)
        trial.params, trial.distributions = params, distributions
        trial.intermediate = {1: float("nan")} if diverged else {step: value + 1 / step for step in range(1, STEPS + 1)}
        trial.values = None if diverged else [value]
        trial.measure_curve()
        study.enter(trial)
        study.rank(trial)
    return study


def seconds_of_an_ask(study: StudyMirror, asks: int) -> float:
    """The median processor time of snapshot and draw, in seconds; the first is left out, since it imports and fills
    caches."""
    assert study.spec is not None
    took = []
    for number in (number for number, _ in zip(count(len(study.trials)), range(asks + 1), strict=False)):
        began = time.process_time()
        draw(study.spec, snapshot_for(study.spec, study), number, number + 1)
        took.append(time.process_time() - began)
    return median(took[1:])


def asks(
    sampler: Annotated[list[str] | None, typer.Option(help="`auto` and `tpe` by default; repeatable.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Asks of each study.")] = 40,
    quick: Quick = False,
) -> None:
    """What the draw of a trial costs in processor time: milliseconds, and asks a second for each core.

    The table of docs/explanation/performance.md: eight parameters, by how many trials have ended.
    """
    with measuring():
        say(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        histories = HISTORIES[:2] if quick else HISTORIES
        rows = []
        for name in sampler or ("auto", "tpe"):
            took = [seconds_of_an_ask(history(name, trials), 3 if quick else repeats) for trials in histories]
            rows.append((f"`{name}`", *(f"{1000 * one:.1f} ms ({1 / one:.0f}/s)" for one in took)))
        print(markdown(("sampler", *(f"{trials:,} trials" for trials in histories)), rows))
