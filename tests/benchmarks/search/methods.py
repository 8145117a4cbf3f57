"""The methods: each trains in a simulation until its budget is spent."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, PercentilePruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.tuning.auto import AutoPruner, AutoSampler
from tests.benchmarks.search.priorband import priorband
from tests.benchmarks.search.promotions import keep_top, promotion_asha
from tests.benchmarks.search.recommending import recommended
from tests.benchmarks.search.resuming import auto_pausing, auto_pausing_prior, usual_quantiles
from tests.benchmarks.search.simulation import BudgetSpent, Simulation

Method = Callable[[Simulation, int], None]
"""Spends a simulation's budget, given a seed."""

Build = Callable[[Simulation, int], tuple[BaseSampler, BasePruner]]


def method(name: str) -> Method:
    """The method of that name."""
    return METHODS[name]


def _optuna(build: Build, recommend: Callable[[Simulation], dict[str, Any]] | None = None) -> Method:
    def run(simulation: Simulation, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler, pruner = build(simulation, seed)
        study = optuna.create_study(sampler=sampler, pruner=pruner)
        try:
            while True:
                if _train(study, simulation):
                    simulation.recommend(_recommended(study) if recommend is None else recommend(simulation))
        except BudgetSpent:
            return

    return run


def _train(study: optuna.Study, simulation: Simulation) -> bool:
    """One trial: its value is its best loss, as for every method here. Whether it has a value, or was stopped."""
    trial = study.ask(simulation.task.distributions())
    run = simulation.start(trial.params)
    best = np.inf
    for step in range(1, simulation.task.slices + 1):
        loss = simulation.advance(run)
        if not np.isfinite(loss):
            trial.report(loss, step)
            study.tell(trial, state=TrialState.FAIL)
            return False
        best = min(best, loss)
        trial.report(best, step)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return True
    study.tell(trial, best)
    return True


def _recommended(study: optuna.Study) -> dict[str, Any]:
    """The best complete trial's parameters; while there is none, those of the best report."""
    trials = study.get_trials(deepcopy=False)
    complete = [t for t in trials if t.state is TrialState.COMPLETE]
    return min(complete or trials, key=_least).params


def _least(trial: FrozenTrial) -> float:
    return min((value for value in trial.intermediate_values.values() if np.isfinite(value)), default=np.inf)


METHODS: dict[str, Method] = {
    "random": _optuna(lambda simulation, seed: (RandomSampler(seed=seed), NopPruner())),
    "tpe": _optuna(lambda simulation, seed: (TPESampler(seed=seed), NopPruner())),
    "gp": _optuna(lambda simulation, seed: (GPSampler(seed=seed), NopPruner())),
    "cmaes": _optuna(lambda simulation, seed: (CmaEsSampler(seed=seed, warn_independent_sampling=False), NopPruner())),
    "tpe-hyperband": _optuna(
        lambda simulation, seed: (TPESampler(seed=seed), HyperbandPruner(max_resource=simulation.task.slices))
    ),
    "tpe-sha": _optuna(lambda simulation, seed: (TPESampler(seed=seed), SuccessiveHalvingPruner())),
    "tpe-percentile": _optuna(lambda simulation, seed: (TPESampler(seed=seed), PercentilePruner(75.0))),
    "keep-top": keep_top,
    "asha-promotion": promotion_asha,
    "priorband": priorband,
    "auto": _optuna(
        lambda simulation, seed: (
            AutoSampler(seed=seed, max_steps=simulation.task.slices),
            AutoPruner(max_steps=simulation.task.slices),
        ),
        recommended,
    ),
    "auto-whole": _optuna(
        lambda simulation, seed: (AutoSampler(seed=seed, max_steps=simulation.task.slices), NopPruner()), recommended
    ),
    "auto-prior": _optuna(
        lambda simulation, seed: (
            AutoSampler(
                seed=seed, max_steps=simulation.task.slices, rate_quantiles=usual_quantiles(simulation.task).tolist()
            ),
            AutoPruner(max_steps=simulation.task.slices),
        ),
        recommended,
    ),
    "auto-pausing": auto_pausing,
    "auto-pausing-prior": auto_pausing_prior,
}
