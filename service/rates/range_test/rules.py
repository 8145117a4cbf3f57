"""The rules that read one rate off the smoothed curve of a range test."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_SLIDE_SHARE = 0.15
"""The width of the slide rule's interval, as a share of the curve: fastai's 15 of 100 steps."""

_SLIDE_ALIKE = 0.01
"""Gradients per step are alike where they differ by less than this share of the curve's fall."""

_BEGUN = 0.1
"""The loss has begun to fall after this share of its fall."""


@dataclass(frozen=True)
class Curve:
    """Rates, rising, and the smoothed loss at each; finite, at least ten, and falling somewhere."""

    rates: Sequence[float]
    losses: Sequence[float]

    @cached_property
    def minimum(self) -> int:
        """Where the loss is lowest."""
        return min(range(len(self.losses)), key=self.losses.__getitem__)

    @cached_property
    def slopes(self) -> list[float]:
        """dL/d log lr by central differences, one-sided at the ends."""
        logs, losses, last = [math.log(rate) for rate in self.rates], self.losses, len(self.losses) - 1
        around = [(max(i - 1, 0), min(i + 1, last)) for i in range(last + 1)]
        return [(losses[right] - losses[left]) / (logs[right] - logs[left]) for left, right in around]


def valley(curve: Curve) -> float:
    """The middle of the longest decreasing subsequence of the losses."""
    chain = _longest_decreasing(curve.losses)
    return curve.rates[chain[len(chain) // 2]]


def steepest(curve: Curve) -> float:
    """Where dL/d log lr is lowest, left of the minimum."""
    return curve.rates[min(range(curve.minimum + 1), key=curve.slopes.__getitem__)]


def slide(curve: Curve) -> float | None:
    """fastai's interval rule: an interval slides down, from around the minimum, until the gradients (per step) at its
    ends are alike; its lower end. None where they never are."""
    losses, last = curve.losses, len(curve.losses) - 1
    width = max(2, round(_SLIDE_SHARE * (last + 1)))
    alike = _SLIDE_ALIKE * (max(losses[: curve.minimum + 1]) - losses[curve.minimum])
    around = [(max(i - 1, 0), min(i + 1, last)) for i in range(last + 1)]
    gradients = [(losses[right] - losses[left]) / (right - left) for left, right in around]
    for left in range(min(curve.minimum, last - width), -1, -1):
        if abs(gradients[left + width] - gradients[left]) <= alike:
            return curve.rates[left]
    return None


def minimum_over_10(curve: Curve) -> float:
    """A tenth of the rate where the loss is lowest."""
    return curve.rates[curve.minimum] / 10.0


def bounds(curve: Curve) -> tuple[float, float]:
    """From the rate after which a tenth of the fall is never lost again, to the rate of the minimum."""
    top = max(curve.losses[: curve.minimum + 1])
    begun = top - _BEGUN * (top - curve.losses[curve.minimum])
    low = next(i for i in range(curve.minimum, -1, -1) if i == 0 or curve.losses[i - 1] > begun)
    return curve.rates[low], curve.rates[curve.minimum]


def _longest_decreasing(values: Sequence[float]) -> list[int]:
    """The indices of the longest strictly decreasing subsequence, by patience sorting: O(n log n)."""
    tails: list[float] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for index, value in enumerate(values):
        place = bisect_left(tails, -value)
        previous.append(tail_at[place - 1] if place else -1)
        tails[place : place + 1] = [-value]
        tail_at[place : place + 1] = [index]
    chain, index = [], tail_at[-1]
    while index >= 0:
        chain.append(index)
        index = previous[index]
    return chain[::-1]
