"""Smoothing of noisy losses, and how noisy they are."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from lrtune.service.rates.checks import Refused

MAD_TO_SD = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""


class DebiasedAverage:
    """An exponential moving average, corrected for its start from the first value on (Kingma and Ba 2015, section 3).

    With smoothing 0.9, the values 1, 2 give 1 and 0.1·(0.9·1 + 2) / (1 − 0.81) = 1.526.
    """

    def __init__(self, smoothing: float) -> None:
        if not 0.0 <= smoothing < 1.0:
            raise Refused("smoothing", f"must be at least 0 and below 1, not {smoothing:g}")
        self._smoothing = smoothing
        self._sum = 0.0
        self._weight = 0.0

    def update(self, value: float) -> float:
        """Take one more value; return the average. The weights sum to one at every step."""
        self._sum = self._smoothing * self._sum + (1.0 - self._smoothing) * value
        self._weight = self._smoothing * self._weight + (1.0 - self._smoothing)
        return self._sum / self._weight


def smooth(values: Sequence[float], smoothing: float) -> tuple[float, ...]:
    """The debiased moving average after each value."""
    average = DebiasedAverage(smoothing)
    return tuple(average.update(value) for value in values)


def median_absolute_deviation(values: Sequence[float]) -> float:
    """The median distance from the median; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    middle = median(values)
    return median(abs(value - middle) for value in values)


def noise(values: Sequence[float]) -> float:
    """The standard deviation of what jumps from one value to the next, whatever the trend; robust against outliers."""
    if len(values) < 3:
        return 0.0
    jumps = [later - value for value, later in pairwise(values)]
    return MAD_TO_SD * median_absolute_deviation(jumps) / 2**0.5
