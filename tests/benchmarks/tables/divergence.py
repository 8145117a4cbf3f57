"""`bench divergence`: how many of the last 40 of 60 simulated trials go past a stability edge.

The table of docs/explanation/divergence.md.
"""

import math
import os
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import optuna
import typer
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.sampling.draw import draw
from lrtune.service.tuning.state.distributions import distribution_of
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire.studies import StudySpec
from tests.benchmarks.command_line import Quick, markdown, measuring

RATES = {"type": "float", "low": 1e-5, "high": 10.0, "log": True}
TWO_OPTIMIZERS = {
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
    "learning_rate": RATES,
}


def far(rate: float, _edge: float) -> float:
    return 0.1 + 0.3 * (math.log10(rate) + 2.5) ** 2


def near(rate: float, edge: float) -> float:
    return -0.3 * math.log10(rate / edge)


def one_edge(_params: dict[str, Any]) -> float:
    return 0.1


def edge_by_optimizer(params: dict[str, Any]) -> float:
    return 1.0 if params["optimizer"] == "sgd" else 0.01


Case = tuple[Callable[[float, float], float], dict[str, Any], Callable[[dict[str, Any]], float]]
"""Loss of a rate and its edge, search space, edge of the parameters."""

CASES: dict[str, Case] = {
    "far": (far, {"learning_rate": RATES}, one_edge),
    "near": (near, {"learning_rate": RATES}, one_edge),
    "two optimizers": (near, TWO_OPTIMIZERS, edge_by_optimizer),
}
STOCK = "stock"
SAMPLERS = {
    "auto": "`auto`",
    "tpe": "`tpe`, diverged ranked last",
    STOCK: "stock TPE, diverged as FAIL",
}


def past_edge(
    sampler: str,
    seed: int,
    loss: Callable[[float, float], float],
    space: dict[str, Any],
    edge_of: Callable[[dict[str, Any]], float],
) -> int:
    """Diverged among the last 40 of 60 trials."""
    body = {"name": "edge", "sampler": {"name": sampler, "seed": seed}, "search_space": space}
    spec = StudySpec.model_validate(body)
    noise = np.random.default_rng(seed)
    trials: list[FrozenTrial] = []
    count = 0
    distributions = {name: distribution_of(parameter) for name, parameter in spec.search_space.items()}
    for number in range(60):
        snapshot = Snapshot(1, "edge", [StudyDirection.MINIMIZE], {}, {}, list(trials), distributions)
        drawn = draw(spec, snapshot, number, number + 1)
        rate, edge = float(drawn.params["learning_rate"]), edge_of(drawn.params)
        diverged = rate > edge
        count += diverged and number >= 20
        value = loss(rate, edge) + 0.01 * noise.random()
        marks: dict[str, Any] = {DIVERGED_ATTR: 1.0, OUTCOME_ATTR: "diverged"} if diverged else {}
        trial = FrozenTrial(
            number=number,
            state=TrialState.PRUNED if diverged else TrialState.COMPLETE,
            value=None if diverged else value,
            datetime_start=None,
            datetime_complete=None,
            params=drawn.params,
            distributions=drawn.distributions,
            user_attrs={},
            system_attrs={**drawn.written.trial_attrs, **marks},
            intermediate_values={1: math.nan if diverged else value},
            trial_id=number + 1,
        )
        trials.append(trial)
    return count


def past_edge_in_optuna(
    seed: int,
    loss: Callable[[float, float], float],
    space: dict[str, Any],
    edge_of: Callable[[dict[str, Any]], float],
) -> int:
    """The same of stock Optuna's TPE, to which a diverged trial has failed."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    noise = np.random.default_rng(seed)
    parameters = StudySpec.model_validate({"name": "edge", "search_space": space}).search_space
    distributions = {name: distribution_of(parameter) for name, parameter in parameters.items()}
    count = 0
    for number in range(60):
        trial = study.ask(distributions)
        rate, edge = float(trial.params["learning_rate"]), edge_of(trial.params)
        if rate > edge:
            study.tell(trial, state=TrialState.FAIL)
            count += number >= 20
        else:
            study.tell(trial, loss(rate, edge) + 0.01 * noise.random())
    return count


def counts(sampler: str, seeds: int, case: Case) -> list[int]:
    """Diverged among the last 40 of 60 trials, by seed; `sampler` is one of ours, or `stock`."""
    loss, space, edge_of = case
    if sampler == STOCK:
        return [past_edge_in_optuna(seed, loss, space, edge_of) for seed in range(seeds)]
    return [past_edge(sampler, seed, loss, space, edge_of) for seed in range(seeds)]


def divergence(
    seeds: Annotated[int, typer.Option(min=1, help="Studies of each case.")] = 6, quick: Quick = False
) -> None:
    """How many of the last 40 of 60 trials go past a stability edge, by seed.

    The table of docs/explanation/divergence.md.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with measuring():
        cases = {"far": CASES["far"]} if quick else CASES
        rows = [
            (name, *(" ".join(map(str, counts(sampler, 1 if quick else seeds, case))) for case in cases.values()))
            for sampler, name in SAMPLERS.items()
        ]
        print(markdown(("", *(f"{name}, {1 if quick else seeds} seeds" for name in cases)), rows))
