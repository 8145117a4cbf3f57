"""Isolated outliers among losses, left out by a running median (Tukey 1977, "Exploratory Data Analysis")."""

import math
from collections.abc import Sequence

MOST_HALF = 3
"""Losses to each side of a window's middle, at most: three outliers in seven are left out, of any size and sign."""

_REACH = 0.25
"""A window reaches about so many decades of rate to each side: where losses are further apart, it is narrower."""


def half_window(learning_rates: Sequence[float]) -> int:
    """How many losses to each side belong to a window, 1 to 3, for losses at these rates, rising."""
    decades = math.log10(learning_rates[-1] / learning_rates[0])
    if len(learning_rates) < 2 or decades <= 0:
        return MOST_HALF
    return min(max(round(_REACH * (len(learning_rates) - 1) / decades), 1), MOST_HALF)


class RunningMedian:
    """Gives, in their order, the median of the `2 · half + 1` losses around each; a step up or down stays where it is.

    A loss is given when the `half` after it are known: with 2, after 1, 1, 9, 1, 1 come 1, 1, 1, and `rest` gives two
    more 1. Losses that are not finite count as infinite, and so does the median where most are.
    """

    def __init__(self, half: int = MOST_HALF) -> None:
        self._half = half
        self._losses: list[float] = []
        self._given = 0

    def update(self, loss: float) -> list[float]:
        """Take one more loss; return the medians that are known now."""
        self._losses.append(loss if math.isfinite(loss) else math.inf)
        return self._give(len(self._losses) - self._half) if len(self._losses) > 2 * self._half else []

    def rest(self) -> list[float]:
        """The medians at the last places, of the losses there are, when no more come."""
        return self._give(len(self._losses))

    def _give(self, end: int) -> list[float]:
        found = [self._median(place) for place in range(self._given, end)]
        self._given = max(self._given, end)
        return found

    def _median(self, place: int) -> float:
        width = 2 * self._half + 1
        first = max(min(place - self._half, len(self._losses) - width), 0)
        around = sorted(self._losses[first : first + width])
        return around[(len(around) - 1) // 2]
