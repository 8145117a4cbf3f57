"""`lrtune demo --check`: the suggestion, retrained beside the learning rates people usually try first."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.wire.as_text import number

USUAL_LEARNING_RATES = (1e-2, 1e-3)
SEEDS = (1001, 1002, 1003)
"""None of them is a trial's number, which seeds the trainings of the study."""

Fit = Callable[[Mapping[str, Any], int, int], float]
"""params, epochs, seed -> final validation loss."""


@dataclass(frozen=True)
class Retrained:
    """One setting and its final validation losses [seeds]."""

    name: str
    learning_rate: float
    losses: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(self.losses) / len(self.losses)

    @property
    def spread(self) -> float:
        """The standard deviation over seeds (n - 1); nan where a training diverged."""
        return math.sqrt(sum((loss - self.mean) ** 2 for loss in self.losses) / (len(self.losses) - 1))

    def row(self) -> tuple[str, str, str, str]:
        """For a table: setting, learning rate, mean ± sd, each loss."""
        each = ", ".join(number(loss, 4) for loss in self.losses)
        return self.name, number(self.learning_rate), f"{self.mean:.4f} ± {self.spread:.4f}", each


def retrain(
    params: Mapping[str, Any],
    learning_rate: float,
    fit: Fit,
    *,
    epochs: int,
    seeds: Sequence[int] = SEEDS,
) -> list[Retrained]:
    """The suggested setting, then the same at 1e-2 and at 1e-3, each trained in full on all `seeds`."""
    settings = [("suggested", learning_rate), *((f"usual {rate:g}", rate) for rate in USUAL_LEARNING_RATES)]
    return [
        Retrained(name, rate, tuple(fit({**params, "learning_rate": rate}, epochs, seed) for seed in seeds))
        for name, rate in settings
    ]


def verdict(results: Sequence[Retrained]) -> str:
    """How the first, the suggestion, compares with the others, in one sentence."""
    suggested, *others = results
    better = [other.name for other in others if _worth(other) < _worth(suggested)]
    if not better:
        return "The suggestion does at least as well as each of them."
    return f"The suggestion does worse than {' and '.join(better)}: give it more trials (--trials)."


def _worth(retrained: Retrained) -> float:
    return retrained.mean if math.isfinite(retrained.mean) else math.inf
