"""A suggestion that rests on trainings that have not ended: those under way, paused ones, and pruned ones."""

import math
from dataclasses import dataclass
from statistics import median_low

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.history.plateau import Point, plateau
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.suggesting.answers import draft
from lrtune.service.tuning.suggesting.answers.along_rate import along_rate, warnings_of
from lrtune.service.tuning.suggesting.answers.cold_start import told_beforehand
from lrtune.service.tuning.suggesting.bounds import bounds_of, cut
from lrtune.service.tuning.suggesting.posterior.posterior import Posterior
from lrtune.service.tuning.suggesting.seen import Seen, has_diverged
from lrtune.service.wire.studies import Suggestion

_ENOUGH = 4
"""Curves that tell more than the prior, or than the best of fewer complete trials."""

_WIDEN_DECADES = 1.2
"""How much farther the interval of a posterior reaches to each side where nothing is trained yet, less by the share
that is: while no training has ended, nothing says how far early ranks can be trusted. On recorded curves they mislead
by so much (LCBench, the rate alone, a fifth and half of the way)."""

_LEAST_DECADES = 0.5
"""How far the interval reaches to each side at least where ends are not forecast: ranks change as trainings go on."""


@dataclass(frozen=True)
class _Curve:
    """A training so far: its trial, its last step, and its best loss until `step`, at which all are compared."""

    trial: FrozenTrial
    rate: float
    last: int
    step: int
    loss: float


def from_unfinished(seen: Seen) -> Suggestion | None:
    """By the forecast ends of the curves; where there is no forecast, by the losses at the step that half of them have
    reached. None with too few curves, and where steps are folds: those are no curve."""
    if seen.name is None or steps_are_folds(seen.spec):
        return None
    curves = curves_of(seen)
    partial = sum(curve.trial.state is not TrialState.COMPLETE for curve in curves)
    if len(curves) < _ENOUGH or partial < len(curves) / 2:
        return None
    if len({curve.loss for curve in curves}) == 1:
        return None
    leader = min((curve for curve in curves if curve.last >= curve.step), key=lambda curve: curve.loss)
    categories = seen.categories_of(leader.trial.params)
    told = [
        sentences.unfinished(partial, seen.all_complete),
        sentences.leads(leader.trial.number, seen.spec.measured, seen.value(leader.loss), leader.step, leader.rate),
        sentences.setting(categories),
    ]
    if seen.finalists:
        told.append(draft.best_told(seen, seen.finalists[0]))
    elif seen.tests or seen.prior:
        told += told_beforehand(seen, leader.trial.params)
    found = along_rate(seen, [*seen.trials, *seen.unfinished], leader.trial.params)
    if found is None:
        points = [Point(curve.rate, curve.loss) for curve in curves if _alike(curve, categories)]
        rate, interval, expected = leader.rate, _around(seen, leader.rate, points), None
    else:
        rate, interval, expected = found.learning_rate, _widened(seen, found, curves), seen.value(found.expected_loss)
        told.insert(1, sentences.near_best(*interval))
    return draft.suggestion(
        seen,
        None,
        learning_rate=rate,
        interval=interval,
        params={**leader.trial.params, seen.name: rate},
        expected_value=expected,
        basis="unfinished",
        told=told,
        warnings=[] if found is None else warnings_of(seen, found),
    )


def curves_of(seen: Seen) -> list[_Curve]:
    """The trainings that have reported something and not diverged, ended or not."""
    assert seen.name is not None
    trials = [
        trial
        for trial in (*seen.trials, *seen.unfinished)
        if trial.intermediate_values and trial.params.get(seen.name) is not None and not _lost(trial)
    ]
    last = {trial.number: max(trial.intermediate_values) for trial in trials}
    if not last:
        return []
    step, sign = median_low(sorted(last.values())), -1.0 if seen.maximizes else 1.0
    curves = []
    for trial in trials:
        reported = [sign * value for at, value in trial.intermediate_values.items() if at <= step]
        loss = min((value for value in reported if math.isfinite(value)), default=None)
        if loss is not None:
            curves.append(_Curve(trial, float(trial.params[seen.name]), last[trial.number], step, loss))
    return curves


def _lost(trial: FrozenTrial) -> bool:
    """Whether it has diverged, or will be stopped for that."""
    return has_diverged(trial) or not math.isfinite(trial.intermediate_values[max(trial.intermediate_values)])


def _alike(curve: _Curve, categories: dict[str, object]) -> bool:
    return all(curve.trial.params.get(name) == value for name, value in categories.items())


def _widened(seen: Seen, found: Posterior, curves: list[_Curve]) -> tuple[float, float]:
    assert seen.name is not None
    full = seen.spec.max_steps
    trained = 0.5 if full is None else min(curves[0].step / full, 1.0)
    factor = 10 ** (_WIDEN_DECADES * (1.0 - trained))
    low, high = bounds_of(seen.spec.search_space[seen.name])
    return cut(found.interval[0] / factor, low, high), cut(found.interval[1] * factor, low, high)


def _around(seen: Seen, rate: float, points: list[Point]) -> tuple[float, float]:
    assert seen.name is not None
    low, high = bounds_of(seen.spec.search_space[seen.name])
    first, last = plateau(points, rate, low, high)
    wide = 10**_LEAST_DECADES
    return cut(min(first, rate / wide), low, high), cut(max(last, rate * wide), low, high)
