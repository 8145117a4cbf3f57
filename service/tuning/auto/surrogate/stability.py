"""Where training stops being stable: a posterior over the largest stable learning rate.

A run at log10 rate x is stable with probability σ((b − x)/w): b is the boundary, w how gradual it is. Both are
integrated out over a grid. A boundary may depend on one categorical parameter (the optimizer, say); which one, if
any, is decided by the evidence.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_WIDTHS_DECADES = np.array([0.02, 0.08, 0.3])
_GRID_POINTS = 201
_SPLIT_PENALTY = 1.0
"""Log evidence that a split must gain before it is believed."""


@dataclass(frozen=True)
class Run:
    """A finished run: its rate, whether it diverged, and its categorical parameters."""

    learning_rate: float
    diverged: bool
    categories: Mapping[str, Any]


@dataclass(frozen=True)
class _Boundary:
    """Posterior weights over (boundary, width), shapes (grid, widths)."""

    grid: Floats
    weights: Floats
    log_evidence: float
    diverged: int

    def probability_stable(self, x: Floats) -> Floats:
        """P(stable) at each log10 rate of `x`, same shape."""
        stable = _sigmoid((self.grid[:, None, None] - x) / _WIDTHS_DECADES[:, None])
        expected: Floats = np.einsum("bw,bwx->x", self.weights, stable)
        return expected


class StabilityModel:
    """How likely a learning rate is to train without diverging.

    `bounds` are the rate's bounds in the search space. With no diverged run, everything counts as stable.
    """

    def __init__(self, runs: Sequence[Run], bounds: tuple[float, float]) -> None:
        self._grid = np.linspace(np.log10(bounds[0]), np.log10(bounds[1]) + 1.0, _GRID_POINTS)
        self._bounds = bounds
        self.split_by, self._boundaries = self._choose_split(list(runs))

    def _choose_split(self, runs: list[Run]) -> tuple[str | None, dict[Any, _Boundary]]:
        pooled = _fit(self._grid, runs)
        best: tuple[str | None, dict[Any, _Boundary]] = (None, {None: pooled})
        if not pooled.diverged:
            return best
        evidence = pooled.log_evidence
        for name in sorted({name for run in runs for name in run.categories}):
            groups: dict[Any, list[Run]] = {}
            for run in runs:
                groups.setdefault(run.categories.get(name), []).append(run)
            fitted = {value: _fit(self._grid, group) for value, group in groups.items()}
            gained = sum(boundary.log_evidence for boundary in fitted.values()) - _SPLIT_PENALTY
            if gained > evidence:
                evidence, best = gained, (name, fitted)
        return best

    def _boundary(self, categories: Mapping[str, Any]) -> _Boundary:
        value = categories.get(self.split_by) if self.split_by is not None else None
        return self._boundaries.get(value) or _fit(self._grid, [])

    def probability_stable(self, learning_rate: float, categories: Mapping[str, Any]) -> float:
        """P(a run at this rate does not diverge)."""
        boundary = self._boundary(categories)
        if not boundary.diverged:
            return 1.0
        return float(boundary.probability_stable(np.array([np.log10(learning_rate)]))[0])

    def required(self, categories: Mapping[str, Any]) -> float:
        """The probability a rate must have to be tried: it grows with each diverged run."""
        diverged = self._boundary(categories).diverged
        return max(0.5, 1.0 - 1.0 / (1.0 + diverged))

    def largest_stable(self, categories: Mapping[str, Any], probability: float = 0.5) -> float | None:
        """The largest rate stable with at least `probability`; None while nothing has diverged."""
        boundary = self._boundary(categories)
        if not boundary.diverged:
            return None
        x = np.linspace(np.log10(self._bounds[0]), np.log10(self._bounds[1]), 400)
        stable = boundary.probability_stable(x) >= probability
        return float(10 ** x[np.flatnonzero(stable)[-1]]) if stable.any() else self._bounds[0]


def _fit(grid: Floats, runs: Sequence[Run]) -> _Boundary:
    """The posterior given `runs`, whose rates are taken to the nearest grid point: the cost does not grow with their
    number."""
    step = grid[1] - grid[0]
    counts = np.zeros((2, len(grid)))
    for run in runs:
        place = round((math.log10(run.learning_rate) - grid[0]) / step)
        counts[int(run.diverged), min(max(place, 0), len(grid) - 1)] += 1
    log_stable, log_diverged = _log_likelihoods(float(grid[0]), float(grid[-1]))
    log_likelihood = log_stable @ counts[0] + log_diverged @ counts[1]
    peak = log_likelihood.max()
    weights = np.exp(log_likelihood - peak)
    total = weights.sum()
    return _Boundary(grid, weights / total, float(peak + np.log(total / weights.size)), int(counts[1].sum()))


@lru_cache(maxsize=64)
def _log_likelihoods(low: float, high: float) -> tuple[Floats, Floats]:
    """Log probability of (stable, diverged) at each grid rate given each boundary and width:
    shape (grid, widths, grid)."""
    grid = np.linspace(low, high, _GRID_POINTS)
    z = (grid[:, None, None] - grid) / _WIDTHS_DECADES[:, None]
    return -np.logaddexp(0.0, -z), -np.logaddexp(0.0, z)


def _sigmoid(z: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0)))
