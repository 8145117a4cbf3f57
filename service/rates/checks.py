"""Checks of numbers that enter from outside. What is wrong is named, with what would be right."""

import math


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
