"""Axes of values and of time, for what a study has measured: most of it is near the best, some of it is far off."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrtune.service.pictures.parts import Axis, Edge

_FAR = 3.0
"""What is worse than the median by more than so many times its distance from the best lies past the axis."""
_WIDE = 10.0
"""Losses above 0 that differ by this factor are shown on a logarithmic axis."""
_UNITS = ((172_800.0, 86_400.0, "days"), (5_400.0, 3_600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


@dataclass(frozen=True)
class Heights:
    """The axis of a metric, and which edge of it is the worse one."""

    axis: Axis
    worse: Edge

    def is_past(self, value: float | None) -> bool:
        """Whether a value has no place on the axis."""
        if value is None or not math.isfinite(value):
            return True
        if self.axis.ends is None:
            return False
        low, high = self.axis.ends
        return not low <= value <= high


def heights(title: str, values: Sequence[float], *, maximizes: bool) -> Heights:
    """The axis for these values, which need not be finite: from the best to where most of the worse ones lie."""
    finite = sorted((value for value in values if math.isfinite(value)), reverse=maximizes)
    worse: Edge = "bottom" if maximizes else "top"
    if not finite:
        return Heights(Axis(title), worse)
    best, middle, last = finite[0], finite[len(finite) // 2], finite[-1]
    if len(finite) > 3 and middle != best and abs(last - middle) > _FAR * abs(middle - best):
        last = middle + _FAR * (middle - best)
    low, high = min(best, last), max(best, last)
    if low > 0 and high > _WIDE * low and not maximizes:
        room = (high / low) ** 0.05
        return Heights(Axis(title, log=True, ends=(low / room, high * room)), worse)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return Heights(Axis(title, ends=(low - room, high + room)), worse)


def time_unit(seconds: float) -> tuple[str, float]:
    """What to measure so long a time in, and its seconds: `("hours", 3600.0)`."""
    return next((name, unit) for least, unit, name in _UNITS if seconds >= least)
