"""What a training script reports, read: steps and values of Python, NumPy and torch; a swapped pair is refused."""

import math
import operator
from typing import Any, SupportsFloat, SupportsIndex

from lrtune.service.wire.trials import Report
from lrtune.trainers.errors import InvalidReport

MOST_STEPS = 2**31 - 1
_COUNT = "count what was trained, optimizer steps or whole epochs, from 1"
_ORDER = "report(step, value): the step comes first; or write report(value=…, step=…)"

StepLike = SupportsIndex | SupportsFloat
"""A whole number: an int, an integer of NumPy or torch, a tensor that holds one, or a float without a fraction."""


def read_step(step: StepLike, value: object = None) -> int:
    """The number of steps trained, from 0 (before the first). Raises InvalidReport.

    A step with a fraction is a loss in the wrong place. So is a float that happens to be whole, as in
    `report(0.0, 3)`, where the `value` beside it is an integer.
    """
    number = _whole(step)
    if number is None:
        number = _whole_float(step)
        if _whole(value) is not None:
            raise InvalidReport(
                f"the step {step!r} is a float, and the value {value!r} an integer: "
                f"{_ORDER}, with int(step) for a step that is a float"
            )
    if not 0 <= number <= MOST_STEPS:
        raise InvalidReport(f"the step must be between 0 and {MOST_STEPS}, not {_show_number(number)}")
    return number


def read_value(value: SupportsFloat) -> float:
    """The metric, which may be non-finite. Raises InvalidReport where it isn't one number: a bool is none."""
    try:
        if _is_bool(value) or isinstance(value, str | bytes | bytearray):
            raise TypeError
        detach = getattr(value, "detach", None)  # Of torch, which warns where a loss with its gradient is read.
        return float(value if detach is None else detach())
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InvalidReport(f"the value must be one number, not {_show(value)}: {_remedy(value)}") from None


def read_report(step: StepLike, value: SupportsFloat) -> Report:
    """One point of a curve. Raises InvalidReport."""
    return Report(step=read_step(step, value), value=read_value(value))


def _whole(given: Any) -> int | None:
    """As an int, where it is of an integer type; None for floats and all else."""
    if _is_bool(given):
        return None
    try:
        return operator.index(given)
    except (TypeError, ValueError, RuntimeError):
        return None


def _whole_float(step: Any) -> int:
    try:
        number = math.nan if _is_bool(step) or isinstance(step, str | bytes) else float(step)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = math.nan
    if not number.is_integer():
        raise InvalidReport(f"the step {_show(step)} is no whole number: {_COUNT}; {_ORDER}")
    return int(number)


def _is_bool(given: object) -> bool:
    """Of Python, NumPy or torch: whether something is so, not how many steps."""
    return isinstance(given, bool) or str(getattr(given, "dtype", "")) in ("bool", "torch.bool")


def _remedy(value: object) -> str:
    if _is_bool(value):
        return "a bool is no loss; return the loss, or report it"
    if value is None or isinstance(value, str | bytes | bytearray):
        return "return the loss, or report it"
    return "report a mean, say"


def _show_number(number: int) -> str:
    """A number of a few digits; Python refuses to print one of thousands."""
    return str(number) if abs(number) < 10**20 else f"a number of {number.bit_length()} bits"


def _show(given: object) -> str:
    return " ".join(repr(given).split())[:100]
