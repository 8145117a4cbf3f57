"""`AutoSampler`: the default sampler, as Optuna's."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import AGAIN_ATTR, FIXED_ATTR, TRAINS_TO_ATTR, WHOLE_ATTR
from lrtune.service.tuning.auto.arguments import check_count, check_name, check_quantiles, check_seed
from lrtune.service.tuning.auto.evidence import FRACTIONS
from lrtune.service.tuning.auto.observed import Length, length_of, observe, tells, window
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.policy.proposal import propose, spread
from lrtune.service.tuning.auto.policy.retraining import began_as, furthest_runs, not_to_retrain
from lrtune.service.tuning.auto.policy.rungs import RUNGS
from lrtune.service.tuning.auto.prior import quantiles_in
from lrtune.service.tuning.auto.pruner import AutoPruner
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.extrapolation import LATEST as CURVES

_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)


class AutoSampler(BaseSampler):
    """A Gaussian process on log(learning rate) and the rest, from the second trial on.

    The first points are spread, not random. Stopped and running trials count by where their curves are heading;
    running ones without a report as if they had ended as expected (Ginsbourger 2010). Diverged runs are evidence
    about the largest stable rate, not losses. Expected improvement in logs (Ament 2023, arXiv:2310.20708). In several
    parameters, under an `AutoPruner` without a budget of trials, trials stop at rungs and those that come to lead are
    trained again, with the same parameters (`policy.promotion`, `policy.retraining`).
    Deterministic: the parameters depend on the seed, the trial's number and the history alone. Studies with several
    objectives are left to Optuna's TPE. What was tried and lost: docs/decisions/0005-auto-search.md.

    Args:
        seed: None draws one.
        max_steps: Length of a full training in reports; by default that of the longest complete trial.
        rate_quantiles: A prior on the learning rate: its quantiles at an even grid from 0 to 1, as rates.
        failed_counts: Whether a FAIL without a report is a diverged run: Optuna records a result of `nan` so.
        learning_rate: The name of the main learning rate; by default one with a usual name (`learning_rate`, `lr`).
        crowded: Whether many trials are begun at once while hardly anything is known: they are spread, without a model.

    Raises:
        ValueError: For arguments that cannot be, naming which.
    """

    def __init__(
        self,
        seed: int | None = None,
        *,
        max_steps: int | None = None,
        rate_quantiles: Sequence[float] | None = None,
        failed_counts: bool = True,
        learning_rate: str | None = None,
        crowded: bool = False,
    ) -> None:
        check_seed(seed)
        check_count("max_steps", max_steps)
        check_quantiles(rate_quantiles)
        check_name(learning_rate)
        self._seed = _draw_seed() if seed is None else seed
        self._max_steps = max_steps
        self._rate_quantiles = rate_quantiles
        self._failed_counts = failed_counts
        self._learning_rate = learning_rate
        self._crowded = crowded
        self._several = TPESampler(seed=seed)

    def reseed_rng(self) -> None:
        self._seed = _draw_seed()
        self._several.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        if len(study.directions) > 1:
            return self._several.infer_relative_search_space(study, trial)
        others = [t for t in self._others(study, trial) if t.state is not TrialState.FAIL]
        ended = [t for t in others if t.state is not TrialState.RUNNING]
        return {name: distribution for name, distribution in _shared(ended).items() if not distribution.single()}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if len(study.directions) > 1:
            return self._several.sample_relative(study, trial, search_space)
        space = Space(search_space, self._learning_rate)
        if FIXED_ATTR not in trial.system_attrs:
            length = self._length_of_rungs(study, trial)
            if length is not None and space.columns != 1:
                return self._promote(study, trial, space, length)
        return self._propose(study, trial, space, {}) if search_space else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if len(study.directions) > 1:
            return self._several.sample_independent(study, trial, param_name, param_distribution)
        retrained = trial.system_attrs.get(AGAIN_ATTR)
        if retrained is not None:
            earlier = next((t for t in self._others(study, trial) if t.number == retrained), None)
            if earlier is not None and earlier.distributions.get(param_name) == param_distribution:
                return earlier.params[param_name]
        known = {name: d for name, d in trial.distributions.items() if name != param_name and name in trial.params}
        space = Space({**known, param_name: param_distribution}, self._learning_rate)
        return self._propose(study, trial, space, trial.params, param_name)[param_name]

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        if len(study.directions) > 1:
            self._several.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if len(study.directions) > 1:
            self._several.after_trial(study, trial, state, values)

    def _propose(
        self, study: Study, trial: FrozenTrial, space: Space, known: dict[str, Any], asked: str | None = None
    ) -> dict[str, Any]:
        if self._crowded:
            quantiles, given = quantiles_in(space, self._rate_quantiles), _columns(space, known, asked)
            return space.decode(spread(trial.number, space, self._seed, quantiles, given).point)
        others = self._others(study, trial)
        if asked is not None:
            others = [t for t in others if asked in t.params]
        length = length_of(others, self._max_steps)
        evidence = observe(others, space, study.direction, length, self._failed_counts, CURVES)
        number = trial.number if asked is None else min(trial.number, len(others))
        found = propose(
            evidence,
            space,
            number=number,
            seed=self._seed,
            quantiles=quantiles_in(space, self._rate_quantiles),
            fixed=_columns(space, known, asked),
        )
        return space.decode(found.point)

    def _length_of_rungs(self, study: Study, trial: FrozenTrial) -> Length | None:
        """The length of a full training, where trials stop at rungs and the leading ones are trained again: under an
        `AutoPruner` that is given no budget of trials. Else None: a trial that trains another again would be one."""
        pruner = study.pruner
        if not isinstance(pruner, AutoPruner) or not pruner.promotes:
            return None
        return pruner.length_of(study._get_trials(deepcopy=False, states=_STATES, use_cache=False), trial)

    def _promote(self, study: Study, trial: FrozenTrial, space: Space, length: Length) -> dict[str, Any]:
        """A new point, or the parameters of a trial that was stopped and now leads its rung (`policy.retraining`)."""
        storage, key = study._storage, trial._trial_id
        if not space.columns or self._crowded:  # Where nothing has ended the parameters are drawn one by one.
            storage.set_trial_system_attr(key, TRAINS_TO_ATTR, float(FRACTIONS[RUNGS[0]]))
            return self._propose(study, trial, space, {}) if space.columns else {}
        others = self._others(study, trial)
        shown = [other for other in furthest_runs(others) if tells(other, self._failed_counts)]
        evidence = observe(shown, space, study.direction, length, self._failed_counts, CURVES, others)
        busy = not_to_retrain(others)
        stopped = [t.state is TrialState.PRUNED and began_as(t) not in busy for t in shown]
        begun = max(trial.number - sum(AGAIN_ATTR in other.system_attrs for other in others), 0)
        chosen = promotion.decide(
            evidence,
            np.array(stopped, dtype=bool),
            space,
            number=begun,
            seed=self._seed,
            whole=np.array([t.system_attrs.get(WHOLE_ATTR) is True for t in shown], dtype=bool),
            quantiles=quantiles_in(space, self._rate_quantiles),
        )
        if chosen.whole:
            storage.set_trial_system_attr(key, WHOLE_ATTR, True)
        storage.set_trial_system_attr(key, TRAINS_TO_ATTR, float(FRACTIONS[chosen.until]))
        if chosen.trial is None:
            assert chosen.point is not None
            return space.decode(chosen.point)
        earlier = shown[chosen.trial]
        storage.set_trial_system_attr(key, AGAIN_ATTR, began_as(earlier))
        return {name: earlier.params[name] for name in (axis.name for axis in space.axes)}

    def _others(self, study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
        trials = study._get_trials(deepcopy=False, states=_STATES, use_cache=False)
        return window([other for other in trials if other.number != trial.number], study.direction)


def _columns(space: Space, known: dict[str, Any], asked: str | None) -> dict[int, float] | None:
    """The columns of the parameters that are given already."""
    if asked is None or not known:
        return None
    row = space.encode(known)
    given = [axis for axis in space.axes if axis.name != asked]
    return {column: float(row[column]) for axis in given for column in range(axis.first, axis.first + axis.width)}


def _shared(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """The distributions that all trials have, as Optuna's `intersection_search_space`; those of one study are mostly
    the same objects, which need no comparing."""
    shared = dict(sorted(trials[0].distributions.items())) if trials else {}
    for trial in trials:
        own = trial.distributions
        differing = [name for name, one in shared.items() if (other := own.get(name)) is not one and other != one]
        for name in differing:
            del shared[name]
    return shared


def _draw_seed() -> int:
    return int(np.random.default_rng().integers(2**31))
