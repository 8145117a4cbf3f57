"""Smooth problems made up for the comparison: bowls whose early losses mislead. The tables say nothing of refinement.

The loss of a full training is a weighted squared distance from an optimum in the unit cube. A curve begins above it, by
a height of the configuration's own, and falls the sooner the higher the learning rate: at first high rates lead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution

from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.suites import to_unit

Floats = NDArray[np.float64]

BOWLS = ("bowls-2", "bowls-3", "bowls-6")
"""Suites, by the number of parameters."""
PER_SUITE = 12
_LOW_RATE, _HIGH_RATE = 1e-5, 1.0
_SLICES = 50
_HEIGHTS = (0.2, 1.0)
"""By how much a curve begins above its end; the losses of random points at the end are spread by some 0.1."""
_SPEEDS = (2.0, 10.0)
"""How fast it falls at the lowest and at the highest rate: by a factor of e each (training's length / speed)."""
_REFERENCE_POINTS = 2_000


@dataclass(frozen=True)
class Bowl:
    """One problem. `optimum` and `weights` (parameters,) are in the unit cube; the first parameter is the rate."""

    name: str
    optimum: Floats
    weights: Floats
    reference: float
    """The loss of the median random point. That of the optimum is 0."""
    slices: int = _SLICES
    optimizer: str = "adam"

    @property
    def names(self) -> tuple[str, ...]:
        """`learning_rate`, then `x1`, `x2`, …"""
        return ("learning_rate", *(f"x{number}" for number in range(1, len(self.optimum))))

    @property
    def low(self) -> Floats:
        """Lower bounds, shape (parameters,)."""
        return np.array([_LOW_RATE] + [0.0] * (len(self.optimum) - 1))

    @property
    def high(self) -> Floats:
        """Upper bounds, shape (parameters,)."""
        return np.array([_HIGH_RATE] + [1.0] * (len(self.optimum) - 1))

    @property
    def scale(self) -> tuple[str, ...]:
        """The rate's is logarithmic."""
        return ("log", *["linear"] * (len(self.optimum) - 1))

    def distributions(self) -> dict[str, BaseDistribution]:
        """The search space in Optuna's terms."""
        bounds = zip(self.names, self.low, self.high, self.scale, strict=True)
        return {
            name: FloatDistribution(float(low), float(high), log=scale == "log") for name, low, high, scale in bounds
        }

    def curve(self, params: Mapping[str, Any]) -> Floats:
        """The learning curve of a configuration, shape (slices,); the same for the same configuration."""
        point = to_unit(np.array([float(params[name]) for name in self.names]), self.low, self.high, self.scale)
        end = float(self.weights @ (point - self.optimum) ** 2)
        height = np.random.default_rng(list(point.tobytes())).uniform(*_HEIGHTS)
        speed = _SPEEDS[0] + (_SPEEDS[1] - _SPEEDS[0]) * float(point[0])
        trained = np.arange(1, self.slices + 1) / self.slices
        falling = (np.exp(-speed * trained) - np.exp(-speed)) / (1 - np.exp(-speed))
        curve: Floats = end + height * falling
        return curve

    def regret(self, loss: float) -> float:
        """0 at the optimum, 1 at the median random point and beyond."""
        return float(np.clip(loss / self.reference, 0.0, 1.0)) if np.isfinite(loss) else 1.0


def bowl(suite: str, name: str) -> Bowl:
    """The bowl of that name, a number within its suite. Raises BenchError for a suite that is none of `BOWLS`."""
    if suite not in BOWLS:
        raise BenchError(f"there are no bowls {suite!r}: use one of {', '.join(BOWLS)}")
    parameters = int(suite.rpartition("-")[2])
    generator = np.random.default_rng([int(name), parameters])
    optimum, weights = generator.random(parameters), generator.dirichlet(np.ones(parameters))
    points = generator.random((_REFERENCE_POINTS, parameters))
    return Bowl(name, optimum, weights, float(np.median((points - optimum) ** 2 @ weights)))


def bowls(suite: str, count: int = PER_SUITE) -> list[Bowl]:
    """The bowls of a suite."""
    return [bowl(suite, f"{number:02d}") for number in range(count)]
