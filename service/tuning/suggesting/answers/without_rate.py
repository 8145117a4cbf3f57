"""A suggestion for a search space without a learning rate: the best parameters, and which values come near them."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.observed import length_of, observe
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import Model, build
from lrtune.service.tuning.state.space.params import possible_value_of
from lrtune.service.tuning.suggesting.answers import draft
from lrtune.service.tuning.suggesting.seen import ENOUGH, Seen
from lrtune.service.wire.search_space import CategoricalParameter
from lrtune.service.wire.studies import Suggestion

_log = logging.getLogger(__name__)

_PLACES: Floats = np.linspace(0.0, 1.0, 61)
_SAMPLES = 200
_TAIL = 0.1
_JITTER = 1e-8
_NEAR_BEST = 0.2
"""How far above its minimum a sampled function still counts as near it, in standard deviations of what was seen."""

_NOT_CLEAR = 0.75
"""An interval over so much of a parameter's range says little: where nothing is known it has 80 %."""

_CLEAR_SDS, _CLEAR_RISE = 2.5, 1.5
"""How far the best value must lie below the worst, in standard deviations of what is not known of the difference, and
of all that was seen: with few trials a model makes much of little."""

_LARGEST = 1e150
"""Larger losses cannot be squared; they say nothing about where the best ones are."""

Interval = tuple[float, float]


def without_rate(seen: Seen, *, same: bool) -> Suggestion:
    """The best trial's parameters, each number with the interval of near-best values; null where that is not clear.
    `same`: no trial is better than another."""
    best = seen.finalists[0]
    intervals = _intervals(seen, best.params)
    clear = {name: interval for name, interval in intervals.items() if interval is not None}
    few, value = seen.all_complete < ENOUGH, seen.value(best.loss)
    told = [
        sentences.too_few(seen.all_complete, ENOUGH) if few else "",
        sentences.all_the_same(seen.all_complete, seen.spec.measured, value) if same else "",
        sentences.no_rate(),
        "" if same else draft.best_told(seen, best),
        sentences.near_values(clear),
        "" if few or same else sentences.not_clear([name for name in intervals if name not in clear]),
    ]
    return draft.suggestion(
        seen,
        best,
        learning_rate=None,
        interval=None,
        params=dict(best.params),
        intervals=intervals,
        expected_value=value,
        basis="best_trial",
        told=told,
    )


def _intervals(seen: Seen, params: Mapping[str, Any]) -> dict[str, Interval | None]:
    """By numeric parameter. Up to 30 ms for each of them."""
    space = seen.spec.search_space
    names = [n for n in params if n in space and not isinstance(space[n], CategoricalParameter)]
    none: dict[str, Interval | None] = dict.fromkeys(names)
    cube = Space({name: d for name, d in seen.distributions.items() if name in params})
    model = _model(seen, cube)
    if model is None:
        return none
    point = cube.encode({name: value for name, value in params.items() if name in seen.distributions})
    for axis in cube.axes:
        if axis.name not in none or axis.high <= axis.low:
            continue
        try:
            ends = _along(model, point, axis.first)
        except (np.linalg.LinAlgError, FloatingPointError, ValueError):  # Losses at the end of what floats can hold.
            continue
        if ends is not None:
            row = np.repeat(point[None, :], 2, axis=0)
            row[:, axis.first] = min(ends[0], point[axis.first]), max(ends[1], point[axis.first])
            low, high = (possible_value_of(space[axis.name], axis.decode(one)) for one in row)
            none[axis.name] = low, high
    return none


def _model(seen: Seen, space: Space) -> Model | None:
    trials = [t for t in seen.trials if t.state is not TrialState.COMPLETE or abs(t.values[0]) < _LARGEST]
    direction = StudyDirection.MAXIMIZE if seen.maximizes else StudyDirection.MINIMIZE
    try:
        evidence = observe(trials, space, direction, length_of(trials, seen.spec.max_steps), failed_counts=False)
        complete = evidence.final[evidence.finished]
        if len(complete) < ENOUGH or not np.ptp(complete) > 0:
            return None
        return build(evidence, space, np.random.default_rng(0))
    except Exception:  # A suggestion is never an error.
        _log.exception("no model of %s; suggesting its best trial without intervals", seen.spec.name)
        return None


def _along(model: Model, point: Floats, column: int) -> Interval | None:
    """Quantiles of a value drawn at random from the near-best set of a function drawn from the posterior along
    `column`, the others as in `point`; in the unit interval. None where they take in nearly all, and where it may be
    that all are as good."""
    points = np.repeat(point[None, :], len(_PLACES), axis=0)
    points[:, column] = _PLACES
    mean, covariance = model.process.covariance(points)
    best, worst = int(mean.argmin()), int(mean.argmax())
    variance = covariance[best, best] + covariance[worst, worst] - 2 * covariance[best, worst]
    if mean[worst] - mean[best] < max(_CLEAR_SDS * float(np.sqrt(max(variance, 0.0))), _CLEAR_RISE):
        return None
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, _JITTER))
    drawn = mean[:, None] + half @ np.random.default_rng(0).normal(size=(len(mean), _SAMPLES))
    near = drawn <= drawn.min(axis=0) + _NEAR_BEST
    mass = np.cumsum((near / near.sum(axis=0)).mean(axis=1))
    low, high = np.interp([_TAIL, 1 - _TAIL], mass, _PLACES)
    return (float(low), float(high)) if high - low < _NOT_CLEAR else None
