"""Where the best learning rate lies: a posterior along the rate, the other parameters held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.tuning.auto.evidence import Bools, Floats
from lrtune.service.tuning.auto.observed import length_of, observe
from lrtune.service.tuning.auto.policy.retraining import furthest_runs
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import Model, build, losses_of

_POINTS = 121
_SAMPLES = 200
_TAIL = 0.1
_JITTER = 1e-8

_LARGEST = 1e150
"""Larger losses cannot be squared; they say nothing about where the best ones are."""

_NEAR_BEST = 0.2
"""How far above its minimum a sampled function still counts as near it, in standard deviations of what was seen."""

_NEAR_MEAN = 0.1
"""The same for the mean, in whose near-best set the suggested rate is the centre."""

_WIDEN, _WIDEN_FEW = 0.003, 0.04
"""Of the searched range, to each side of the interval; the second divided by the number of complete trials."""

_LIKELY = 0.5
"""How likely a rate must be to train without diverging, to lie in the interval."""

_FARTHEST_DECADES = 0.5
"""How far beyond the largest rate that trained to its end a rate may be suggested."""

_EDGE = 0.03


@dataclass(frozen=True)
class Posterior:
    """`learning_rate`: the centre of the plateau, where `expected_loss` (lower is better) is expected.

    `interval`: at 80 % the best rate lies in it; on a plateau every near-best rate counts. `share`: its part of the
    searched range, in logs. `at_bound`: the end of the range at which the loss is still falling.
    """

    learning_rate: float
    interval: tuple[float, float]
    expected_loss: float
    share: float
    at_bound: Literal["low", "high"] | None


def posterior(
    trials: Sequence[FrozenTrial],
    distributions: Mapping[str, BaseDistribution],
    params: Mapping[str, Any],
    rate_name: str,
    *,
    maximizes: bool = False,
    max_steps: int | None = None,
) -> Posterior | None:
    """The posterior from ended `trials`: complete ones, pruned ones as far as they tell, diverged ones as evidence
    about where training is stable.

    Along the rate called `rate_name`, the other parameters as in `params`. None where the rate is not on a log scale,
    or the complete trials do not differ. Up to 50 ms, whatever the number of parameters.
    """
    space = Space({name: d for name, d in distributions.items() if name in params}, rate_name)
    axis = next((axis for axis in space.axes if axis.name == rate_name), None)
    if axis is None or axis.first != space.rate_index or axis.high <= axis.low:
        return None
    direction = StudyDirection.MAXIMIZE if maximizes else StudyDirection.MINIMIZE
    trials = [t for t in furthest_runs(trials) if t.state is not TrialState.COMPLETE or abs(t.values[0]) < _LARGEST]
    evidence = observe(trials, space, direction, length_of(trials, max_steps), failed_counts=False)
    complete = evidence.final[evidence.finished]
    if len(complete) < 2 or not np.ptp(complete) > 0:
        return None
    try:
        model = build(evidence, space, np.random.default_rng(0))
        decades = (axis.high - axis.low) / np.log(10.0)
        found = None if model is None else _along(model, space.encode(params), axis.first, len(complete), decades)
    except (np.linalg.LinAlgError, FloatingPointError, ValueError):  # Losses at the end of what floats can hold.
        return None
    if found is None:
        return None
    centre, low, high, loss, bound = found
    rates = [float(np.exp(axis.low + place * (axis.high - axis.low))) for place in (centre, low, high)]
    bottom, top = float(np.exp(axis.low)), float(np.exp(axis.high))
    rate, first, last = (min(max(value, bottom), top) for value in rates)
    return Posterior(rate, (first, last), loss, high - low, bound)


def _along(
    model: Model, point: Floats, column: int, complete: int, decades: float
) -> tuple[float, float, float, float, Literal["low", "high"] | None] | None:
    """Centre, low and high end in the unit interval, the loss expected at the centre, and the bound it leans on."""
    places = np.linspace(0.0, 1.0, _POINTS)
    points = np.repeat(point[None, :], _POINTS, axis=0)
    points[:, column] = places
    mean, covariance = model.process.covariance(points)
    if not np.isfinite(mean).all():
        return None
    stable = model.odds.stability.safe(points)
    finished = model.evidence.cube[model.evidence.finished, column]
    diverged = model.evidence.cube[model.evidence.diverged, column]
    alone = points.shape[1] == 1
    if alone:  # Whatever the boundary's model makes of a run that got through far above: these trained, none diverged.
        below = finished[finished < diverged.min(initial=np.inf)]
        stable = np.where(places <= below.max(initial=-np.inf) + 1e-9, 1.0, stable)
    possible = stable >= min(_LIKELY, float(stable.max()))
    # Somewhere above, losses rise without bound: little is suggested past what trained to its end, nothing where
    # trainings have diverged.
    past = 0.0 if len(diverged) else _FARTHEST_DECADES / decades
    tried = places <= float(finished.max()) + past + 1e-9
    safe = stable >= np.minimum(model.odds.stability.required(points), stable[tried].max())
    centre, first, last = _plateau(np.where(safe & tried, mean, np.inf), places)
    # Among many parameters the best trial's own rate, where it is safe: no other was trained with these parameters.
    own = float(point[column])
    kept = own if np.interp(own, places, safe) > 0.5 else min(max(own, first), last)
    centre = _short_of_the_edge(centre, finished, diverged) if alone else kept
    _, first, last = _plateau(np.where(possible, mean, np.inf), places)
    low, high = _interval(mean, covariance, places, possible)
    widen = _WIDEN + _WIDEN_FEW / complete
    low, high = max(min(low - widen, centre), 0.0), min(max(high + widen, centre), 1.0)
    loss = float(losses_of(model, np.interp([centre], places, mean))[0])
    # A plateau that takes in both ends leans on neither.
    at_low, at_high = first < _EDGE, last > 1 - _EDGE
    bound: Literal["low", "high"] | None = None if at_low == at_high else "low" if at_low else "high"
    return centre, low, high, loss, bound


def _short_of_the_edge(centre: float, finished: Floats, diverged: Floats) -> float:
    """Between the last rate that trained to its end and the next one, which diverged, nothing is suggested: where the
    loss falls up to the edge, that is where the model would go."""
    below, above = finished[finished <= centre], diverged[diverged >= centre]
    beyond = finished[finished > centre]
    if not len(below) or not len(above) or (len(beyond) and beyond.min() < above.min()):
        return centre
    return float(below.max())


def _plateau(mean: Floats, places: Floats) -> tuple[float, float, float]:
    """The connected set around the mean's minimum that comes near it: its centre, weighed by how near, and its ends."""
    lowest = first = last = int(mean.argmin())
    limit = mean[lowest] + _NEAR_MEAN
    while first > 0 and mean[first - 1] <= limit:
        first -= 1
    while last < len(mean) - 1 and mean[last + 1] <= limit:
        last += 1
    weights = np.maximum(limit - mean[first : last + 1], 1e-9)
    centre = float(places[first : last + 1] @ weights / weights.sum())
    return centre, float(places[first]), float(places[last])


def _interval(mean: Floats, covariance: Floats, places: Floats, usable: Bools) -> tuple[float, float]:
    """Quantiles of a rate drawn at random from the near-best set of a function drawn from the posterior.

    The minima themselves (Hennig 2012) are too sure of themselves on plateaus.
    """
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, _JITTER))
    drawn = mean[:, None] + half @ np.random.default_rng(0).normal(size=(len(mean), _SAMPLES))
    drawn[~usable] = np.inf
    near = drawn <= drawn.min(axis=0) + _NEAR_BEST
    mass = np.cumsum((near / near.sum(axis=0)).mean(axis=1))
    low, high = np.interp([_TAIL, 1 - _TAIL], mass, places)
    return float(low), float(high)
