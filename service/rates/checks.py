"""Checks of numbers that enter from outside. What is wrong is named, with what would be right."""

import math
from collections.abc import Sequence
from itertools import pairwise


class Refused(ValueError):
    """A value that cannot be right. `field` is its name, `message` what is wrong and what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


def positive(field: str, value: float) -> float:
    """`value` as a float. Raises Refused, naming it, where it is not a finite number > 0."""
    if isinstance(value, bool | str):
        raise Refused(field, f"must be a number > 0, not {value!r}")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(field, f"must be a finite number > 0, not {value!r}") from None
    if not math.isfinite(number) or number <= 0:
        raise Refused(field, f"must be finite and > 0, not {number:g}")
    return number


def count(field: str, value: int) -> int:
    """`value`, which must be a whole number ≥ 1. Raises Refused."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Refused(field, f"must be a whole number ≥ 1, not {value!r}")
    return value


def rate_or_none(field: str, rate: float | None) -> float | None:
    """The rate, where there is one; it has to be finite and above 0."""
    return None if rate is None else positive(field, rate)


def range_or_none(field: str, rates: tuple[float, float] | None) -> tuple[float, float] | None:
    """The lowest and the highest of some rates, where there are any."""
    if rates is None:
        return None
    low, high = positive(f"{field}[0]", rates[0]), positive(f"{field}[1]", rates[1])
    if low > high:
        raise Refused(field, f"must be the lowest and the highest, not {low:g} and {high:g}")
    return low, high


def check_curve(steps: Sequence[int], values: Sequence[float]) -> None:
    """Refuse a curve whose values are not one a step, or whose steps do not rise."""
    if len(steps) != len(values):
        raise Refused("values", f"must be one for each step: {len(values)} values, {len(steps)} steps")
    for index, (step, following) in enumerate(pairwise(steps)):
        if following <= step:
            raise Refused(f"steps[{index + 1}]", f"must be above the step before it, {step}, not {following}")
