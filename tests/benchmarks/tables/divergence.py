"""`bench divergence`: how many of the last 40 of 60 simulated trials go past a wall where trainings diverge or fail.

The tables of docs/explanation/divergence.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import optuna
import typer
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.sampling.draw import draw
from lrtune.service.tuning.sampling.drawn import Point
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.state.space.distributions import distribution_of
from lrtune.service.wire.studies import StudySpec
from tests.benchmarks.command_line import Quick, markdown, measuring

Params = Mapping[str, Any]
Ending = Literal["diverged", "failed"]
RATES = {"type": "float", "low": 1e-5, "high": 10.0, "log": True}
TWO_OPTIMIZERS = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    "learning_rate": RATES,
}


def far(params: Params) -> float:
    return 0.1 + 0.3 * (math.log10(params["learning_rate"]) + 2.5) ** 2


def near(edge_of: Callable[[Params], float]) -> Callable[[Params], float]:
    return lambda params: -0.3 * math.log10(params["learning_rate"] / edge_of(params))


def one_edge(_params: Params) -> float:
    return 0.1


def edge_by_optimizer(params: Params) -> float:
    return 1.0 if params["optimizer"] == "sgd" else 0.01


def past(edge_of: Callable[[Params], float]) -> Callable[[Params], bool]:
    return lambda params: params["learning_rate"] > edge_of(params)


@dataclass(frozen=True)
class Case:
    """A search space, the loss of its points, which of them are past the wall, and how trainings end there."""

    space: Mapping[str, Any]
    loss: Callable[[Params], float]
    past: Callable[[Params], bool]
    ending: Ending = "diverged"


FAR = Case({"learning_rate": RATES}, far, past(one_edge))
NEAR = Case({"learning_rate": RATES}, near(one_edge), past(one_edge))
BY_OPTIMIZER = Case(TWO_OPTIMIZERS, near(edge_by_optimizer), past(edge_by_optimizer))
EDGES = {"far": FAR, "near": NEAR, "two optimizers": BY_OPTIMIZER}
"""Along the rate, all of them."""


def bowl(params: Params) -> float:
    return 0.1 * (math.log10(params["learning_rate"]) + 2.5) ** 2


WALLS = {
    "weight decay": Case(
        {
            "learning_rate": RATES,
            "weight_decay": {"type": "float", "low": 1e-6, "high": 0.5, "log": True},
            "dropout": {"type": "float", "low": 0.0, "high": 0.5},
        },
        lambda params: bowl(params) - 0.3 * math.log10(params["weight_decay"] / 0.01) + params["dropout"],
        lambda params: params["weight_decay"] >= 0.01,
    ),
    "width": Case(
        {
            "learning_rate": RATES,
            "width": {"type": "int", "low": 16, "high": 384, "log": True},
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        },
        lambda params: bowl(params) - math.log2(params["width"] / 128),
        lambda params: params["width"] > 128,
        "failed",
    ),
    "rate over 1 - momentum": Case(
        {
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
            "momentum": {"type": "float", "low": 0.0, "high": 0.99},
        },
        lambda params: -0.3 * math.log10(params["learning_rate"] / (1 - params["momentum"]) / 0.5),
        lambda params: params["learning_rate"] / (1 - params["momentum"]) >= 0.5,
    ),
}
"""In other columns, or in several together."""

RANDOM, STOCK = "random", "stock"
SAMPLERS = {
    "auto": "`auto`",
    "tpe": "`tpe`, diverged ranked last",
    RANDOM: "random",
    STOCK: "stock TPE, diverged as FAIL",
}


def past_wall(sampler: str, seed: int, case: Case) -> int:
    """Past the wall among the last 40 of 60 trials."""
    body = {"name": "edge", "sampler": {"name": sampler, "seed": seed}, "search_space": case.space}
    spec = StudySpec.model_validate(body)
    noise = np.random.default_rng(seed)
    trials: list[FrozenTrial] = []
    distributions = {name: distribution_of(parameter) for name, parameter in spec.search_space.items()}
    for number in range(60):
        snapshot = Snapshot(1, "edge", [StudyDirection.MINIMIZE], {}, {}, list(trials), distributions)
        drawn = draw(spec, snapshot, number, number + 1)
        trials.append(ended(number, drawn, case, 0.01 * noise.random()))
    return sum(case.past(trial.params) for trial in trials[20:])


def ended(number: int, drawn: Point, case: Case, noise: float) -> FrozenTrial:
    """The trial as the service would show it to a sampler."""
    lost, value = case.past(drawn.params), case.loss(drawn.params) + noise
    marks: dict[str, Any] = {OUTCOME_ATTR: case.ending} if lost else {}
    if lost and case.ending == "diverged":
        marks[DIVERGED_ATTR] = 1.0
    state = TrialState.PRUNED if case.ending == "diverged" else TrialState.FAIL
    reports = {} if lost and case.ending == "failed" else {1: math.nan if lost else value}
    return FrozenTrial(
        number=number,
        state=state if lost else TrialState.COMPLETE,
        value=None if lost else value,
        datetime_start=None,
        datetime_complete=None,
        params=drawn.params,
        distributions=drawn.distributions,
        user_attrs={},
        system_attrs={**drawn.written.trial_attrs, **marks},
        intermediate_values=reports,
        trial_id=number + 1,
    )


def past_wall_in_optuna(seed: int, case: Case) -> int:
    """The same of stock Optuna's TPE, to which a diverged trial has failed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    noise = np.random.default_rng(seed)
    parameters = StudySpec.model_validate({"name": "edge", "search_space": case.space}).search_space
    distributions = {name: distribution_of(parameter) for name, parameter in parameters.items()}
    count = 0
    for number in range(60):
        trial = study.ask(distributions)
        if case.past(trial.params):
            study.tell(trial, state=TrialState.FAIL)
            count += number >= 20
        else:
            study.tell(trial, case.loss(trial.params) + 0.01 * noise.random())
    return count


def counts(sampler: str, seeds: int, case: Case) -> list[int]:
    """Past the wall among the last 40 of 60 trials, by seed; `sampler` is one of ours, or `stock`."""
    if sampler == STOCK:
        return [past_wall_in_optuna(seed, case) for seed in range(seeds)]
    return [past_wall(sampler, seed, case) for seed in range(seeds)]


def table(cases: Mapping[str, Case], seeds: int) -> str:
    """A row for each sampler, a column for each case."""
    rows = [
        (name, *(" ".join(map(str, counts(sampler, seeds, case))) for case in cases.values()))
        for sampler, name in SAMPLERS.items()
    ]
    return markdown(("", *(f"{name}, {seeds} seeds" for name in cases)), rows)


def divergence(
    seeds: Annotated[int, typer.Option(min=1, help="Studies of each case.")] = 6, quick: Quick = False
) -> None:
    """How many of the last 40 of 60 trials go past a wall where trainings diverge or fail, by seed.

    The tables of docs/explanation/divergence.md: edges along the rate, and walls in other parameters.
    """
    with measuring():
        for place, cases in enumerate((EDGES, WALLS)):
            shown = dict(list(cases.items())[:1]) if quick else cases
            print("\n" * (place > 0) + table(shown, 1 if quick else seeds))
