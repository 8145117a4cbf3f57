"""The values that a numeric parameter can have, and the nearest of them: one rule for whatever is handed out or taken.

It works on our parameters and on Optuna's numeric distributions alike, which have the same bounds.
"""

import math
from decimal import Decimal
from typing import Protocol

ROUNDING = 1e-12
"""Relative to a value: so far it may lie from one that is possible, and be meant for that."""

_OFF_STEP = 1e-8
"""Of a step: the same, as Optuna has it."""


class Numeric(Protocol):
    """A whole or real number between two bounds, in steps or not. Whole ones have whole bounds."""

    @property
    def low(self) -> float:
        """The least value."""

    @property
    def high(self) -> float:
        """No value is above it; with a step the largest may lie below."""

    @property
    def step(self) -> float | None:
        """Values lie so far apart, from `low` on; None: anything between the bounds."""


def count_of(number: Numeric) -> int | None:
    """How many values the number can have; None without a step. Reckoned in decimals, as Optuna does."""
    if number.step is None:
        return None
    if isinstance(number.low, int):
        return int((number.high - number.low) // number.step) + 1
    return int((_decimal(number.high) - _decimal(number.low)) // _decimal(number.step)) + 1


def value_at(number: Numeric, index: int) -> float:
    """The value number `index` of one with a step, from 0: `low + index * step`, reckoned in decimals, as people read
    them. From 0 in steps of 0.1 the third is 0.3, not 0.30000000000000004."""
    low, high, step = number.low, number.high, number.step
    assert step is not None
    if isinstance(low, int):
        return low + index * int(step)
    return min(max(float(_decimal(low) + index * _decimal(step)), low), high)


def nearest_value(number: Numeric, value: float) -> float:
    """The possible value that is nearest; an int where the number is whole. Raises ValueError for nan.

    On [0, 0.5] in steps of 0.1 the nearest value to 0.34 is 0.3; on [1e-5, 1] that to 1.0000000000000002 is 1.0.
    """
    if math.isnan(value):
        raise ValueError("nan is near no value")
    bounded = min(max(value, number.low), number.high)
    count = count_of(number)
    if count is None:
        return float(bounded)
    return value_at(number, min(_index_near(number, bounded), count - 1))


def possible_value(number: Numeric, value: float) -> float | None:
    """The possible value that `value` is, but for rounding; None where it is none."""
    if value != value or (isinstance(value, int) and not number.low <= value <= number.high):
        return None
    nearest = nearest_value(number, value)
    if isinstance(number.low, int) or value in (math.inf, -math.inf):
        return nearest if value == nearest else None
    apart = 0.0 if number.step is None else _OFF_STEP * number.step
    return nearest if abs(value - nearest) <= max(ROUNDING * abs(nearest), apart) else None


def _index_near(number: Numeric, bounded: float) -> int:
    low, step = number.low, number.step
    assert step is not None
    if isinstance(low, int) and isinstance(bounded, int):  # Beyond 2**53 a quotient of floats would be rounded.
        return int((bounded - low + int(step) // 2) // int(step))
    return round((bounded - low) / step)


def _decimal(number: float) -> Decimal:
    return Decimal(repr(float(number)))
