"""The table of docs/explanation/divergence.md.

How many of the last 40 of 60 simulated trials go past a stability edge.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.sampling.draw import draw
from lrtune.service.tuning.state.distributions import distribution_of
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.wire.studies import StudySpec

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


def main() -> None:
    """Print a line for each sampler and case."""
    alone = {"learning_rate": RATES}
    for sampler in ("auto", "tpe"):
        for name, loss, space, edge_of in (
            ("far", far, alone, one_edge),
            ("near", near, alone, one_edge),
            ("two optimizers", near, TWO_OPTIMIZERS, edge_by_optimizer),
        ):
            print(sampler, name, *(past_edge(sampler, seed, loss, space, edge_of) for seed in range(6)))


if __name__ == "__main__":
    main()
