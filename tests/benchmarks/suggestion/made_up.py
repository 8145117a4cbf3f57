"""Made-up responses of the loss to the rate, and the designs in which rates are tried."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISES = (0.0, 0.01, 0.05, 0.2)
"""Standard deviations of the log of a loss."""

DESIGNS = ("spread", "clustered", "one-sided")

LOW, HIGH = -6.0, 0.0
"""Of the search space, in decades."""

GRID: Floats = np.linspace(LOW, HIGH, 481)

_UNTRAINED = 2.3


@dataclass(frozen=True)
class Response:
    """`truth` (n,): the losses without noise at places `grid` (n,), in decades, > 0, infinite where one diverges.

    `runs` (k, n): recorded ones, each with its noise, NaN where one diverged; without any, noise is drawn, of standard
    deviation `noise` of the log of a loss.
    """

    name: str
    grid: Floats
    truth: Floats
    noise: float = 0.0
    runs: Floats | None = None

    @property
    def best_place(self) -> float:
        """Where the loss is lowest, in decades."""
        return float(self.grid[np.argmin(self.truth)])

    @property
    def least(self) -> float:
        """The lowest loss."""
        return float(self.truth.min())

    def loss(self, place: float) -> float:
        """Without noise; between places of the grid on a log scale."""
        return _between(self.grid, self.truth, place)

    def measured(self, place: float, rng: np.random.Generator) -> float:
        """Of one run; not finite where it diverges."""
        if self.runs is not None:
            return _between(self.grid, self.runs[rng.integers(len(self.runs))], place)
        return float(self.loss(place) * np.exp(self.noise * rng.normal()))

    def regret(self, place: float) -> float:
        """0 at the best loss, 1 at the median rate's and beyond."""
        middle = float(
            np.median(np.where(np.isfinite(self.truth), self.truth, self.truth[np.isfinite(self.truth)].max()))
        )
        return float(np.clip((self.loss(place) - self.least) / max(middle - self.least, 1e-300), 0.0, 1.0))


def _between(grid: Floats, losses: Floats, place: float) -> float:
    at = float(np.interp(place, grid, np.arange(len(grid))))
    below = min(int(at), len(grid) - 2)
    two = losses[below : below + 2]
    if not np.isfinite(two).all():
        return float(two[round(at - below)])
    return float(np.exp(np.interp(at - below, [0.0, 1.0], np.log(np.maximum(two, 1e-300)))))


def made_up(shape: str, noise: float, rng: np.random.Generator) -> Response:
    """A response of this shape at some place, of a width and a depth of its own."""
    best = rng.uniform(LOW + 1.0, HIGH - 0.5)
    least = float(np.exp(rng.uniform(np.log(0.01), np.log(1.2))))
    return Response(shape, GRID, least + (_UNTRAINED - least) * SHAPES[shape](GRID - best, rng), noise)


def _bowl(x: Floats, rng: np.random.Generator) -> Floats:
    left, right = rng.uniform(0.5, 2.0, 2)
    return np.asarray(1.0 - np.exp(-0.5 * (x / np.where(x < 0, left, right)) ** 2))


def _plateau(x: Floats, rng: np.random.Generator) -> Floats:
    half, edge = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.6)
    tilt = 0.01 * rng.normal() * x
    return np.clip(1.0 - np.exp(-0.5 * (np.maximum(np.abs(x) - half, 0.0) / edge) ** 2) + np.abs(tilt), 0.0, 1.0)


def _cliff(x: Floats, rng: np.random.Generator) -> Floats:
    """It falls slowly from the level of an untrained model, and jumps back to it just above the best rate."""
    slope, edge = rng.uniform(0.5, 2.0), rng.uniform(0.02, 0.1)
    falling = 1.0 - np.exp(-np.maximum(-x, 0.0) / slope)
    return np.asarray(falling + (1.0 - falling) / (1.0 + np.exp(-(x - 4 * edge) / edge)))


def _needle(x: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(1.0 - 1.0 / (1.0 + (x / rng.uniform(0.1, 0.25)) ** 2))


def _two_valleys(x: Floats, rng: np.random.Generator) -> Floats:
    away = rng.choice([-1.0, 1.0]) * rng.uniform(2.0, 3.0)
    first, second = rng.uniform(0.3, 0.6, 2)
    shallow = rng.uniform(0.6, 0.95) * np.exp(-0.5 * ((x - away) / second) ** 2)
    return np.asarray(1.0 - np.maximum(np.exp(-0.5 * (x / first) ** 2), shallow))


SHAPES: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    "bowl": _bowl,
    "plateau": _plateau,
    "cliff": _cliff,
    "needle": _needle,
    "two valleys": _two_valleys,
}


def design(name: str, count: int, response: Response, rng: np.random.Generator) -> Floats:
    """`count` places (count,), in decades, in a random order."""
    low, high, best = float(response.grid[0]), float(response.grid[-1]), response.best_place
    if name == "spread":  # One in each part of the range.
        places = low + (high - low) * (np.arange(count) + rng.random(count)) / count
    elif name == "clustered":  # The bounds, a few anywhere, the others at the best, as a search ends.
        anywhere = max(count // 6, 1)
        near = best + rng.normal(0.0, 0.15, max(count - 2 - anywhere, 0))
        places = np.concatenate([[low, high], rng.uniform(low, high, anywhere), near])[:count]
    else:  # All below the best, up to just below it.
        places = np.append(rng.uniform(low, max(best - 0.05, low), count - 1), best - 0.05)
    return rng.permutation(np.clip(places, low, high))
