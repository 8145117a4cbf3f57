"""The methods: each buys training at a desk until the budget is spent."""

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
from tests.benchmarks.search.study import BudgetSpent, Desk

Method = Callable[[Desk, int], None]
"""Spends a desk's budget, given a seed."""

Build = Callable[[Desk, int], tuple[BaseSampler, BasePruner]]


def method(name: str) -> Method:
    """The method of that name."""
    return METHODS[name]


def _optuna(build: Build, recommend: Callable[[Desk], dict[str, Any]] | None = None) -> Method:
    def run(desk: Desk, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler, pruner = build(desk, seed)
        study = optuna.create_study(sampler=sampler, pruner=pruner)
        try:
            while True:
                if _train(study, desk):
                    desk.answer(_recommended(study) if recommend is None else recommend(desk))
        except BudgetSpent:
            return

    return run


def _train(study: optuna.Study, desk: Desk) -> bool:
    """One trial: its value is its best loss, as for every method here. Whether it has a value, or was stopped."""
    trial = study.ask(desk.task.distributions())
    run = desk.start(trial.params)
    best = np.inf
    for step in range(1, desk.task.slices + 1):
        loss = desk.advance(run)
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
    "random": _optuna(lambda desk, seed: (RandomSampler(seed=seed), NopPruner())),
    "tpe": _optuna(lambda desk, seed: (TPESampler(seed=seed), NopPruner())),
    "gp": _optuna(lambda desk, seed: (GPSampler(seed=seed), NopPruner())),
    "cmaes": _optuna(lambda desk, seed: (CmaEsSampler(seed=seed, warn_independent_sampling=False), NopPruner())),
    "tpe-hyperband": _optuna(
        lambda desk, seed: (TPESampler(seed=seed), HyperbandPruner(max_resource=desk.task.slices))
    ),
    "tpe-sha": _optuna(lambda desk, seed: (TPESampler(seed=seed), SuccessiveHalvingPruner())),
    "tpe-percentile": _optuna(lambda desk, seed: (TPESampler(seed=seed), PercentilePruner(75.0))),
    "keep-top": keep_top,
    "asha-promotion": promotion_asha,
    "priorband": priorband,
    "auto": _optuna(
        lambda desk, seed: (
            AutoSampler(seed=seed, max_steps=desk.task.slices),
            AutoPruner(max_steps=desk.task.slices),
        ),
        recommended,
    ),
    "auto-prior": _optuna(
        lambda desk, seed: (
            AutoSampler(seed=seed, max_steps=desk.task.slices, rate_quantiles=usual_quantiles(desk.task).tolist()),
            AutoPruner(max_steps=desk.task.slices),
        ),
        recommended,
    ),
    "auto-pausing": auto_pausing,
    "auto-pausing-prior": auto_pausing_prior,
}
