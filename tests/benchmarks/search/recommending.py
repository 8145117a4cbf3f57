"""What the service would recommend after the trainings seen so far, for `auto`: not the luckiest point."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, OUTCOME_ATTR
from lrtune.service.tuning.suggesting.posterior.posterior import posterior
from tests.benchmarks.search.simulation import Simulation, Training

_ENOUGH = 4
"""Finished trainings from which on the service goes by its posterior."""

_RATE = "learning_rate"


def recommended(simulation: Simulation) -> dict[str, Any]:
    """The best finished training's parameters, its rate that of the posterior where there is one; while none has
    finished, those of the best so far."""
    finished = [run for run in simulation.runs if run.finished and not run.diverged]
    best = min(finished or simulation.runs, key=least)
    params = dict(best.params)
    if len(finished) < _ENOUGH or _RATE not in params:
        return params
    found = posterior(
        _frozen(simulation), simulation.task.distributions(), params, _RATE, max_steps=simulation.task.slices
    )
    return params if found is None else {**params, _RATE: found.learning_rate}


def least(run: Training) -> float:
    """Its best loss; infinite while it has none."""
    losses = [loss for loss in run.losses if np.isfinite(loss)]
    return min(losses, default=np.inf)


def _frozen(simulation: Simulation) -> Sequence[FrozenTrial]:
    """The trainings as the posterior reads trials: their running minima, the diverged ones marked."""
    return [_trial(simulation, run) for run in simulation.runs if run.losses]


def _trial(simulation: Simulation, run: Training) -> FrozenTrial:
    complete = run.finished and not run.diverged
    marks = {DIVERGED_ATTR: 1.0, OUTCOME_ATTR: "diverged"} if run.diverged else {}
    running = np.fmin.accumulate(np.array(run.losses))
    return optuna.trial.create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED,
        value=float(running[-1]) if complete else None,
        params=run.params,
        distributions=simulation.task.distributions(),
        intermediate_values={step: float(loss) for step, loss in enumerate(running, 1) if np.isfinite(loss)},
        system_attrs=marks,
    )
