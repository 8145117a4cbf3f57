"""Which point next: log expected improvement over candidates, kept off what diverges or fails."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from lrtune.service.tuning.auto.evidence import Bools, Evidence, Floats
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.model import Model, Odds
from lrtune.service.tuning.auto.surrogate.walls import walls

_GRID = 401
_XI, _LEAST_XI = 1.0, 0.1
"""In many dimensions an improvement counts from ξ/√(runs finished) on, in standard deviations: wide at first."""
_UNIFORM, _LOCAL, _AROUND = 400, 500, 4
_WIDTHS_LOG10 = (-2.0, -0.5)
_LEAST_DISTANCE = 0.1
"""Times √d: closer to a known point a new one teaches little while there are few points."""
_FEW = 60
_LEAST_FROM_PENDING = 0.03
"""In one dimension: trials that run at the same time differ by so much of the range."""
_FLIP = 0.2
_AT_LARGE = 50
_PRIOR_WEIGHT = 3.0
_LOG_SQRT_2PI = 0.5 * float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Proposal:
    """A point (columns,), its log expected improvement and its probability to train without diverging."""

    point: Floats
    gain: float
    safe: float


@dataclass(frozen=True)
class Candidates:
    """`points` (m, columns), how likely each is to train without diverging, whether it may be taken, and what a prior
    on the rate adds to its gain: each (m,)."""

    points: Floats
    safe: Floats
    allowed: Bools
    bonus: Floats

    def place(self, gain: Floats) -> int:
        """The place of the point of the largest `gain` (m,)."""
        return self._largest(gain + self.bonus)

    def best(self, gain: Floats, wanted: Floats | None = None) -> Proposal:
        """The point of the largest `gain` (m,), or of the most `wanted` (m,) if that is given."""
        gain = gain + self.bonus
        chosen = self._largest(gain if wanted is None else wanted)
        likely = float(np.log(max(self.safe[chosen], 1e-12)))
        return Proposal(self.points[chosen], float(gain[chosen]) + likely, float(self.safe[chosen]))

    def _largest(self, score: Floats) -> int:
        """The place of the allowed point of the largest `score` (m,), less what it may diverge."""
        return int(np.argmax(np.where(self.allowed, score + np.log(np.maximum(self.safe, 1e-12)), -np.inf)))


def log_improvement(mean: Floats, sd: Floats, best: float) -> Floats:
    """log E[(best − Y)+] of Y ~ N(mean, sd²), stable far in the tail, same shape (Ament 2023, arXiv:2310.20708)."""
    z = (best - mean) / sd
    near = np.log(np.maximum(np.exp(-0.5 * z**2 - _LOG_SQRT_2PI) + z * np.exp(log_ndtr(z)), 1e-300))
    below = np.maximum(-z, 1e-12)
    tail = -0.5 * z**2 - _LOG_SQRT_2PI - 2 * np.log(below) - np.log1p(2.5 / below**2)
    found: Floats = np.where(z > -6.0, near, tail) + np.log(sd)
    return found


def best_new(
    model: Model,
    space: Space,
    rng: np.random.Generator,
    *,
    explore: bool = False,
    fixed: dict[int, float] | None = None,
    quantiles: Floats | None = None,
) -> Proposal:
    """The point to try next: where the rate is all there is, between its walls (`walls`).

    With `explore` the least known point is taken instead of the most promising one. `fixed`: columns that are given.
    `quantiles`: a prior on the rate (`first_point`), whose say fades as runs finish (Hvarfner 2022, πBO,
    arXiv:2204.11051).
    """
    points = _candidates(model, space, rng, fixed)
    if space.columns == 1 and space.rate_index is not None and fixed is None:
        points = _between_walls(points, model)
    found = judged(points, model, space, quantiles, crowded=fixed is not None)
    mean, sd = model.process.predict(found.points)
    gain = log_improvement(mean, sd, model.best - (_margin(model) if space.columns > 1 else 0.0))
    return found.best(gain, np.log(sd) if explore else None)


def _between_walls(points: Floats, model: Model) -> Floats:
    """Those of the points (m, 1) that lie between the walls, if any that is likely to train does."""
    low, high = walls(model)
    kept = points[(points[:, 0] >= low) & (points[:, 0] <= high)]
    return kept if model.odds.allowed(points)[np.isin(points[:, 0], kept[:, 0])].any() else points


def judged(
    points: Floats, model: Model, space: Space, quantiles: Floats | None, *, crowded: bool = False
) -> Candidates:
    """The points (m, columns) with all that does not depend on how they are compared; `crowded` ones may lie close to
    what is known."""
    safe, allowed = model.odds.safe(points), model.odds.allowed(points)
    apart = allowed if crowded else allowed & _apart(points, model.evidence)
    bonus = np.zeros(len(points))
    if quantiles is not None and space.rate_index is not None:
        weight = _PRIOR_WEIGHT / (1 + int(model.evidence.finished.sum()))
        bonus = weight * _log_prior(points[:, space.rate_index], quantiles)
    return Candidates(points, safe, apart if apart.any() else allowed, bonus)


def _margin(model: Model) -> float:
    finished = max(int(model.evidence.finished.sum()), 4)
    return max(_XI / float(np.sqrt(finished)), _LEAST_XI)


def at_large(odds: Odds, space: Space, rng: np.random.Generator) -> Floats:
    """A uniform point (columns,), off what diverges or fails."""
    points = space.snap(rng.random((_AT_LARGE, space.columns)))
    chosen: Floats = points[int(np.argmax(odds.allowed(points)))]
    return chosen


def _candidates(model: Model, space: Space, rng: np.random.Generator, fixed: dict[int, float] | None) -> Floats:
    """Points (m, columns) where parameters can be."""
    d = space.columns
    if d == 1:
        points = np.linspace(0.0, 1.0, _GRID)[:, None]
    else:
        order = np.argsort(np.where(np.isfinite(model.ends), model.ends, np.inf), kind="stable")
        points = np.concatenate([rng.random((_UNIFORM, d)), around(model.evidence.cube[order], space, rng)])
    for column, value in (fixed or {}).items():
        points[:, column] = value
    return space.snap(points)


def around(ranked: Floats, space: Space, rng: np.random.Generator) -> Floats:
    """Points (m, columns) near the first few of those `ranked` (n, columns)."""
    d = space.columns
    centres = ranked[rng.choice(min(_AROUND, len(ranked)), _LOCAL)]
    widths = 10 ** rng.uniform(*_WIDTHS_LOG10, (_LOCAL, 1))
    moved = rng.random((_LOCAL, d)) < max(0.5, 2.0 / d)
    points = centres + moved * widths * rng.normal(size=(_LOCAL, d))
    points = np.clip(1.0 - np.abs(1.0 - np.abs(points)), 0.0, 1.0)  # Reflected: clipped, they would pile up there.
    for first, width in space.blocks:
        flipped = rng.random(_LOCAL) < _FLIP
        points[flipped, first : first + width] = rng.random((int(flipped.sum()), width))
    found: Floats = points
    return found


def _apart(points: Floats, evidence: Evidence) -> Bools:
    """Which points are far enough from those already known, and from those being tried now, shape (m,)."""
    known, d = evidence.cube, points.shape[1]
    if d == 1:
        away = np.abs(points - known[:, 0])
        least = np.where(evidence.pending, _LEAST_FROM_PENDING, 0.5 / (_GRID - 1))
        return np.asarray((away > least).all(axis=1))
    least_distance = _LEAST_DISTANCE * float(np.sqrt(d)) * min(1.0, _FEW / max(len(known), 1))
    return np.asarray(gp.squared_distances(points, known).min(axis=1) > least_distance**2)


def _log_prior(rates: Floats, quantiles: Floats) -> Floats:
    """Log density, by differences of the quantiles and at least a twentieth of a uniform one, shape (m,)."""
    edges = np.linspace(0.0, 1.0, 41)
    below = np.interp(edges, quantiles, np.linspace(0.0, 1.0, len(quantiles)))
    density = np.maximum(np.diff(below) * 40, 0.05)
    found: Floats = np.log(np.interp(rates, (edges[1:] + edges[:-1]) / 2, density))
    return found
