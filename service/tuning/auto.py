"""The default sampler: Optuna's TPE, kept off learning rates that are likely to diverge."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from service.storage.optuna_schema import DIVERGED_ATTR
from service.tuning.stability import Run, StabilityModel
from service.wire.search_space import is_learning_rate

_REDRAWS = 5


class AutoSampler(BaseSampler):
    """TPE (Watanabe 2023, arXiv:2304.11127), with a model of the largest stable learning rate.

    A draw whose probability to train without diverging is below what the study has learned to require is drawn
    again, and at last log-uniformly below the boundary. Diverged runs count: TPE itself ranks them behind every
    other. Works in any Optuna study; parameters named like a learning rate (`learning_rate`, `lr`, `head_lr`) are
    guarded.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._tpe = TPESampler(seed=seed)
        self._rng = np.random.default_rng(seed)
        self._models: dict[tuple[int, str], StabilityModel] = {}

    def reseed_rng(self) -> None:
        self._tpe.reseed_rng()
        self._rng = np.random.default_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._tpe.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        rates = {n: d for n, d in search_space.items() if _is_guarded(n, d)}
        params: dict[str, Any] = {}
        for _ in range(_REDRAWS):
            params = self._tpe.sample_relative(study, trial, search_space)
            if not params:
                return params
            known = {**trial.params, **params}
            unsafe = [n for n, d in rates.items() if not self._is_safe(study, trial, n, d, params[n], known)]
            if not unsafe:
                return params
        known = {**trial.params, **params}
        return params | {n: self._draw_safe(study, trial, n, rates[n], known) for n in unsafe}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        value = self._tpe.sample_independent(study, trial, param_name, param_distribution)
        if not _is_guarded(param_name, param_distribution):
            return value
        for _ in range(_REDRAWS):
            if self._is_safe(study, trial, param_name, param_distribution, value, trial.params):
                return value
            value = self._tpe.sample_independent(study, trial, param_name, param_distribution)
        return self._draw_safe(study, trial, param_name, param_distribution, trial.params)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._tpe.after_trial(study, trial, state, values)

    def _is_safe(
        self,
        study: Study,
        trial: FrozenTrial,
        name: str,
        distribution: BaseDistribution,
        value: float,
        params: dict[str, Any],
    ) -> bool:
        model = self._model(study, trial, name, distribution)
        return model.probability_stable(value, params) >= model.required(params)

    def _draw_safe(
        self,
        study: Study,
        trial: FrozenTrial,
        name: str,
        distribution: BaseDistribution,
        params: dict[str, Any],
    ) -> float:
        assert isinstance(distribution, FloatDistribution)
        model = self._model(study, trial, name, distribution)
        high = model.largest_stable(params, model.required(params)) or distribution.high
        low = np.log(distribution.low)
        value = float(np.exp(self._rng.uniform(low, max(low, np.log(min(high, distribution.high))))))
        return min(max(value, distribution.low), distribution.high)

    def _model(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> StabilityModel:
        key = (trial.number, name)
        if key not in self._models:
            assert isinstance(distribution, FloatDistribution)
            states = (TrialState.COMPLETE, TrialState.PRUNED)
            trials = study.get_trials(deepcopy=False, states=states)
            self._models = {key: StabilityModel(finished_runs(trials, name), (distribution.low, distribution.high))}
        return self._models[key]


def finished_runs(trials: Sequence[FrozenTrial], name: str) -> list[Run]:
    """What the complete, pruned and diverged trials say about the stability of the rate called `name`."""
    runs = []
    for trial in trials:
        if name not in trial.params or trial.params[name] <= 0:
            continue
        categories = {
            other: trial.params[other]
            for other, distribution in trial.distributions.items()
            if isinstance(distribution, CategoricalDistribution)
        }
        runs.append(Run(trial.params[name], DIVERGED_ATTR in trial.system_attrs, categories))
    return runs


def _is_guarded(name: str, distribution: BaseDistribution) -> bool:
    return (
        is_learning_rate(name)
        and isinstance(distribution, FloatDistribution)
        and distribution.low > 0
        and distribution.step is None
    )
