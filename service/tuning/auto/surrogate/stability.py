"""Where training stops being stable: a posterior over a boundary in the learning rate, for search and suggestion alike.

A run at place u of the rate's range (0 to 1, in logs) is stable with probability σ((b − u)/w): b is the boundary, w how
gradual it is. Both are integrated out over a grid. Diverged runs are evidence about b, not losses. The boundary may
depend on one categorical parameter (the optimizer, say): which one, if any, the evidence decides.

`stability_of_points` is for points of the unit cube, `StabilityModel` for rates. Both are the same posterior.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrtune.service.tuning.auto.evidence import Bools, Floats, Ints

_PLACES: Floats = np.linspace(0.0, 1.0, 251)
"""Where runs are counted and P(stable) is kept: the cost of a fit does not grow with the number of runs."""

_BOUNDARIES: Floats = np.linspace(-0.05, 1.3, 161)
_WIDTHS: Floats = np.array([0.004, 0.015, 0.05, 0.15])
"""Of the range. In decades (.02, .08, .3, .9) they do no better on the cases of docs/explanation/divergence.md."""

_PRIOR: Floats = np.array([0.3, 0.3, 0.3, 0.1])
"""Of the widths. Most edges are sharp, and several sharp ones, of optimizers say, look like one that is gradual: were
that as likely, it would explain away what the split is there to find."""

_SHARP = 0.1
_SPLIT_PENALTY = 1.0
"""Log evidence that a split must gain before it is believed."""

_LEAST_REQUIRED = 0.5
_ABSENT = -1
"""The group of the runs that do not have the parameter."""


# For each pair of boundary and width (c,): the log probability of a stable and of a diverged run at each of `_PLACES`,
# P(stable) there, shape (c, places), and whether the width is sharp.
_Z: Floats = ((_BOUNDARIES[:, None, None] - _PLACES) / _WIDTHS[:, None]).reshape(-1, len(_PLACES))
_LOG_STABLE, _LOG_DIVERGED = -np.logaddexp(0.0, -_Z), -np.logaddexp(0.0, _Z)
_STABLE = np.exp(_LOG_STABLE)
_LOG_PRIOR = np.tile(np.log(_PRIOR), len(_BOUNDARIES)) - math.log(len(_BOUNDARIES))
_IS_SHARP = np.tile(_WIDTHS < _SHARP, len(_BOUNDARIES))


@dataclass(frozen=True)
class Boundary:
    """The posterior of the runs that share a boundary: P(stable) over `_PLACES`, the log evidence, how many diverged,
    and P(the boundary is sharp)."""

    stable: Floats
    log_evidence: float
    diverged: int
    sharp: float

    def stable_at(self, places: Floats) -> Floats:
        """P(stable) at places of the range (m,); 1 while nothing has diverged."""
        return np.interp(places, _PLACES, self.stable) if self.diverged else np.ones(len(places))

    def largest(self, probability: float) -> float | None:
        """The largest place that is stable with that probability, 0 where none is; None while nothing has diverged."""
        return float(np.interp(probability, self.stable[::-1], _PLACES[::-1])) if self.diverged else None


_UNKNOWN = Boundary(np.ones(len(_PLACES)), 0.0, 0, 1.0)
"""While nothing has diverged."""


@dataclass(frozen=True)
class Stability:
    """The boundaries by the values of the parameter `split_by`, or one for all runs, whose value is None."""

    boundaries: Mapping[Hashable, Boundary]
    split_by: Hashable

    def boundary(self, values: Mapping[Any, Hashable]) -> Boundary | None:
        """That of runs with these values of the categorical parameters; None where there was no such run."""
        return self.boundaries.get(None if self.split_by is None else values.get(self.split_by))

    def required(self, boundary: Boundary) -> float:
        """The probability a run must have to be tried: it grows with each diverged run.

        What diverged anywhere counts: each value of a split has had its share of the lesson, and pays for none alone.
        Nothing is forbidden where divergence does not hang on the rate alone: the probability counts all the same.
        """
        if not boundary.diverged or boundary.sharp <= 0.5:
            return 0.0
        return max(_LEAST_REQUIRED, 1.0 - 1.0 / (1.0 + sum(other.diverged for other in self.boundaries.values())))


def learn(places: Floats, diverged: Bools, categories: Mapping[Any, Sequence[Hashable]]) -> Stability:
    """The posterior given where runs trained (n,), which of them diverged (n,), and what value each of the categorical
    parameters had in each of them, of n values."""
    if not diverged.any():
        return Stability({None: _UNKNOWN}, None)
    (pooled,) = _fit(places, diverged, np.zeros(len(places), dtype=np.int64), 1)
    best = Stability({None: pooled}, None)
    evidence = pooled.log_evidence
    for name, values in categories.items():
        order = {value: group for group, value in enumerate(dict.fromkeys(values))}
        groups = np.array([order[value] for value in values], dtype=np.int64)
        boundaries = _fit(places, diverged, groups, len(order))
        gained = sum(boundary.log_evidence for boundary in boundaries) - _SPLIT_PENALTY
        if gained > evidence:
            evidence, best = gained, Stability(dict(zip(order, boundaries, strict=True)), name)
    return best


def _fit(places: Floats, diverged: Bools, groups: Ints, count: int) -> list[Boundary]:
    """The posterior of each of so many groups of runs. A run counts for the two of `_PLACES` beside it."""
    share, below = np.modf(np.clip(places, 0.0, 1.0) * (len(_PLACES) - 1))
    runs = np.zeros((count, 2, len(_PLACES) + 1))
    at = below.astype(np.int64)
    np.add.at(runs, (groups, diverged.astype(np.int64), at), 1.0 - share)
    np.add.at(runs, (groups, diverged.astype(np.int64), at + 1), share)
    log_joint = runs[:, 0, :-1] @ _LOG_STABLE.T + runs[:, 1, :-1] @ _LOG_DIVERGED.T + _LOG_PRIOR
    peaks = log_joint.max(axis=1, keepdims=True)
    weights = np.exp(log_joint - peaks)
    log_evidence = peaks[:, 0] + np.log(weights.sum(axis=1))
    weights /= weights.sum(axis=1, keepdims=True)
    stable, sharp = weights @ _STABLE, weights @ _IS_SHARP
    many = np.bincount(groups[diverged], minlength=count)
    return [Boundary(stable[g], float(log_evidence[g]), int(many[g]), float(sharp[g])) for g in range(count)]


# Points of the cube


@dataclass(frozen=True)
class PointStability:
    """The posterior at points of the unit cube. `rate_index`: the rate's column; None where there is none."""

    stability: Stability
    rate_index: int | None

    def safe(self, points: Floats) -> Floats:
        """P(stable) at points (m, columns), shape (m,); 1 while nothing has diverged."""
        found = np.ones(len(points))
        for boundary, members in self._groups(points):
            if self.rate_index is not None:
                found[members] = boundary.stable_at(points[members, self.rate_index])
        return found

    def required(self, points: Floats) -> Floats:
        """The probability that points (m, columns) must have to be tried, shape (m,): `Stability.required`."""
        needed = np.zeros(len(points))
        for boundary, members in self._groups(points):
            needed[members] = self.stability.required(boundary)
        return needed

    def _groups(self, points: Floats) -> list[tuple[Boundary, Bools]]:
        boundaries, block = self.stability.boundaries, self.stability.split_by
        if not isinstance(block, tuple):
            return [(boundaries[None], np.ones(len(points), dtype=bool))]
        chosen = _chosen(points, block)
        return [(boundary, chosen == value) for value, boundary in boundaries.items()]


def stability_of_points(
    points: Floats,
    diverged: Bools,
    rate_index: int | None,
    blocks: Sequence[tuple[int, int]] = (),
) -> PointStability:
    """The posterior given the points (n, columns) of runs that ended or went well for a while, and which diverged
    (n,). `blocks`: first column and width of each categorical parameter."""
    if rate_index is None:
        return PointStability(learn(np.zeros(len(points)), diverged, {}), None)
    categories: dict[tuple[int, int], list[Hashable]] = {block: _chosen(points, block).tolist() for block in blocks}
    return PointStability(learn(points[:, rate_index], diverged, categories), rate_index)


def _chosen(points: Floats, block: tuple[int, int]) -> Ints:
    """The place of each point's value among the choices, (m,): `_ABSENT` where it has none and stands in the middle."""
    first, width = block
    columns = points[:, first : first + width]
    chosen: Ints = np.where(columns.max(axis=1) > 0.75, columns.argmax(axis=1), _ABSENT)
    return chosen


# Rates


@dataclass(frozen=True)
class Run:
    """A run that ended, or went well for a while: its rate, whether it diverged, its categorical parameters."""

    learning_rate: float
    diverged: bool
    categories: Mapping[str, Any]


class StabilityModel:
    """How likely a learning rate is to train without diverging.

    `bounds` are the rate's in the search space; what lies outside counts as at the bound. With no diverged run,
    everything counts as stable.
    """

    def __init__(self, runs: Sequence[Run], bounds: tuple[float, float]) -> None:
        self._low, self._high = bounds
        self._runs = runs
        names = sorted({name for run in runs for name in run.categories})
        self._stability = learn(
            self._places([run.learning_rate for run in runs]),
            np.array([run.diverged for run in runs], dtype=bool),
            {name: [run.categories.get(name) for run in runs] for name in names},
        )

    @property
    def split_by(self) -> str | None:
        """The categorical parameter that the boundary depends on; None where one boundary says as much."""
        name = self._stability.split_by
        return name if isinstance(name, str) else None

    def probability_stable(self, learning_rate: float, categories: Mapping[str, Any]) -> float:
        """P(a run at this rate does not diverge)."""
        boundary = self._stability.boundary(categories)
        return 1.0 if boundary is None else float(boundary.stable_at(self._places([learning_rate]))[0])

    def largest_stable(self, categories: Mapping[str, Any], probability: float = 0.5) -> float | None:
        """The largest rate stable with at least `probability`; None while nothing has diverged."""
        boundary = self._stability.boundary(categories)
        place = None if boundary is None else boundary.largest(probability)
        return None if place is None else float(self._low * (self._high / self._low) ** place)

    def known_edge(self, categories: Mapping[str, Any]) -> float | None:
        """Where trainings are seen to begin to diverge: `largest_stable`, and the lowest rate that diverged where none
        trained well, for then nothing below it was tried. None while nothing has diverged."""
        by = self.split_by
        alike = [run for run in self._runs if by is None or run.categories.get(by) == categories.get(by)]
        if any(not run.diverged for run in alike):
            return self.largest_stable(categories)
        return min((run.learning_rate for run in alike), default=None)

    def _places(self, rates: Sequence[float]) -> Floats:
        """Rates (n,) as places in their range."""
        if not self._high > self._low:
            return np.full(len(rates), 0.5)
        places: Floats = np.log(np.asarray(rates, dtype=float) / self._low) / np.log(self._high / self._low)
        return np.clip(places, 0.0, 1.0)
