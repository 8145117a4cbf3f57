"""The loss along the rate, the other parameters held: functions that the evidence allows, each of them a valley.

Suggestion, interval and the picture of the response are read from the same functions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.rates.valley import nearest_valleys
from lrtune.service.tuning.auto.evidence import Evidence, Floats, Ints
from lrtune.service.tuning.auto.observed import length_of, observe
from lrtune.service.tuning.auto.policy.retraining import furthest_runs
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.model import Model, build
from lrtune.service.tuning.suggesting.posterior.loss_scale import LossScale, loss_scale

PLACES: Floats = np.linspace(0.0, 1.0, 121)

_DRAWS = 100
_JITTER = 1e-8

_LARGEST = 1e150
"""Larger losses cannot be squared; they say nothing about where the best ones are."""

_ROUNDING = 1e-9

_CERTAIN = 1e-3
"""A variance: where less is left unknown, a function is held to what was measured no more tightly."""

_HILL = 3.0
"""So many standard deviations a hill stands above both sides, where the data show two valleys."""


@dataclass(frozen=True)
class Along:
    """The loss at `PLACES` (n,) of the rate's range, on a scale of variance one, lower is better.

    `drawn` (n, draws): functions; `mean` (n,) theirs. `points` (n, columns): where, in the unit cube, the rate in its
    `column`. `stable` (n,): how likely a run is to train there. `known` (m,): the trials whose end is told or forecast,
    as places of the evidence, and `shown` (m,) what it is. `own`: the place of the rate in the parameters themselves.
    `blocks`: first column and width of each choice.
    """

    model: Model
    process: gp.Process
    scale: LossScale
    points: Floats
    column: int
    own: float
    low: float
    high: float
    drawn: Floats
    mean: Floats
    stable: Floats
    known: Ints
    shown: Floats
    blocks: Sequence[tuple[int, int]]

    @property
    def evidence(self) -> Evidence:
        """What was seen of the trials."""
        return self.model.evidence

    @property
    def alone(self) -> bool:
        """Whether the rate is all there is."""
        return len(self.points[0]) == 1

    @property
    def tried(self) -> Floats:
        """The places of the rates of the `known` trials, shape (m,)."""
        found: Floats = self.evidence.cube[self.known, self.column]
        return found

    @property
    def diverged(self) -> Floats:
        """The places of the rates that diverged."""
        found: Floats = self.evidence.cube[self.evidence.diverged, self.column]
        return found

    @property
    def trained_below_all_diverged(self) -> float:
        """The place of the highest rate that trained below all that diverged, with the same choices as the points; of
        several parameters to the end. -∞ where none did."""
        choices = [first + place for first, width in self.blocks for place in range(width)]
        alike = (np.abs(self.evidence.cube[:, choices] - self.points[0, choices]) < _ROUNDING).all(axis=1)
        places = self.evidence.cube[:, self.column]
        trained = np.isin(np.arange(len(places)), self.known) if self.alone else self.evidence.finished
        edge = places[alike & self.evidence.diverged].min(initial=np.inf)
        return float(places[alike & trained & (places < edge)].max(initial=-np.inf))

    @property
    def unknown(self) -> Floats:
        """The standard deviations of what is forecast of the `known` trials' ends, nought where they are complete."""
        found: Floats = np.sqrt(self.model.variances[self.known] / self.scale.stretch)
        return found

    @property
    def noise(self) -> float:
        """The standard deviation of runs of the same parameters."""
        return float(np.sqrt(np.exp(self.process.theta[-1]) * self.process.amplitude))

    def rate(self, place: float) -> float:
        """The learning rate at a place of the range."""
        found = self.low * (self.high / self.low) ** place
        return float(min(max(found, self.low), self.high)) if place < 1.0 else self.high

    @property
    def decades(self) -> float:
        """The width of the range."""
        return math.log10(self.high / self.low)


def read_along(
    trials: Sequence[FrozenTrial],
    distributions: Mapping[str, BaseDistribution],
    params: Mapping[str, Any],
    rate_name: str,
    *,
    maximizes: bool = False,
    max_steps: int | None = None,
) -> Along | None:
    """The loss along the rate called `rate_name`, the other parameters as in `params`: from complete `trials`, pruned
    and running ones as far as their curves tell, diverged ones as evidence about where training is stable.

    None where no trial has a loss, the rate is not on a log scale, or losses are at the end of what floats hold.
    """
    space = Space({name: d for name, d in distributions.items() if name in params}, rate_name)
    axis = next((axis for axis in space.axes if axis.name == rate_name), None)
    if axis is None or axis.first != space.rate_index or axis.high <= axis.low:
        return None
    direction = StudyDirection.MAXIMIZE if maximizes else StudyDirection.MINIMIZE
    trials = [t for t in furthest_runs(trials) if t.state is not TrialState.COMPLETE or abs(t.values[0]) < _LARGEST]
    evidence = observe(trials, space, direction, length_of(trials, max_steps), failed_counts=False)
    searched = distributions[rate_name]
    assert isinstance(searched, FloatDistribution | IntDistribution)
    line = _Line(space.encode(params), axis.first, float(searched.low), float(searched.high), space.blocks)
    try:
        model = build(evidence, space, np.random.default_rng(0))
        return None if model is None else _along(model, line)
    except (np.linalg.LinAlgError, FloatingPointError, ValueError):
        return None


@dataclass(frozen=True)
class _Line:
    """A `point` (columns,) of the unit cube, and the column along which it is moved, with the rate's bounds."""

    point: Floats
    column: int
    low: float
    high: float
    blocks: Sequence[tuple[int, int]]


def _along(model: Model, line: _Line) -> Along | None:
    points, column = np.repeat(line.point[None, :], len(PLACES), axis=0), line.column
    points[:, column] = PLACES
    scale = loss_scale(model)
    known = np.flatnonzero(np.isfinite(model.told))
    shown = scale.shown(model.told[known])
    # In several parameters the search's own process: its targets are ranks. Here all trials count, not the best alone,
    # which are the luckiest where runs are noisy.
    noise = model.variances[known] / scale.stretch
    process = model.process if scale.ranked else gp.fit(model.evidence.cube[known], shown, noise)
    mean, covariance = process.covariance(points)
    if not np.isfinite(mean).all():
        return None
    weights = 1.0 / (np.maximum(np.diag(covariance), 0.0) + _CERTAIN)
    tried = np.unique(np.rint(model.evidence.cube[known, column] * (len(PLACES) - 1)).astype(np.int64))
    drawn = nearest_valleys(_draw(mean, covariance, len(process.x) + 2), weights, _hills(mean, covariance, tried)).T
    stable = model.odds.stability.safe(points)
    own = float(line.point[column])
    return Along(
        model,
        process,
        scale,
        points,
        column,
        own,
        line.low,
        line.high,
        drawn,
        drawn.mean(axis=1),
        stable,
        known,
        shown,
        line.blocks,
    )


def _draw(mean: Floats, covariance: Floats, freedom: int) -> Floats:
    """Functions drawn from the process, shape (draws, n). They spread as Student's t does, of so many degrees of
    `freedom`, since the amplitude is told by the points too (O'Hagan 1978, J. R. Statist. Soc. B 40)."""
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, _JITTER))
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(_DRAWS // 2, len(mean)))
    normal *= np.sqrt(freedom / rng.chisquare(freedom, size=(len(normal), 1)))
    drawn: Floats = mean + np.concatenate([normal, -normal]) @ half.T
    return drawn


def _hills(mean: Floats, covariance: Floats, tried: Ints) -> list[int]:
    """Those of the places `tried` (m,), ascending, that stand above others on both sides beyond what is unknown: the
    highest, and then those on either side of it."""
    if len(tried) < 3:
        return []
    spread = covariance[np.ix_(tried, tried)]
    variance = np.diag(spread)
    unknown = np.sqrt(np.maximum(variance[:, None] + variance - 2 * spread, 0.0) + _CERTAIN)
    above = (mean[tried][:, None] - mean[tried]) / unknown  # Of the row's place above the column's.
    left = np.where(np.tri(len(tried), k=-1, dtype=bool), above, -np.inf).max(axis=1)
    right = np.where(np.tri(len(tried), k=-1, dtype=bool).T, above, -np.inf).max(axis=1)
    height = np.minimum(left, right)
    top = int(np.argmax(height))
    if height[top] <= _HILL:
        return []
    below, beyond = _hills(mean, covariance, tried[: top + 1]), _hills(mean, covariance, tried[top:])
    return [*below, int(tried[top]), *beyond]
