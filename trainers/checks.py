"""Checks of what enters a training from outside. Each raises TrainingError with the name and what would be right."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from lrtune.service.sentences.nearest import nearest
from lrtune.trainers.errors import TrainingError


def finite(name: str, value: Any) -> float:
    """A finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TrainingError(f"{name} must be a number, not {value!r}") from None
    if isinstance(value, (bool, str)):
        raise TrainingError(f"{name} must be a number, not {value!r}")
    if not math.isfinite(number):
        raise TrainingError(f"{name} must be finite, not {number}")
    return number


def positive(name: str, value: Any) -> float:
    """A finite number > 0."""
    number = finite(name, value)
    if number <= 0:
        raise TrainingError(f"{name} must be > 0, not {number:g}")
    return number


def not_negative(name: str, value: Any) -> float:
    """A finite number ≥ 0."""
    number = finite(name, value)
    if number < 0:
        raise TrainingError(f"{name} must be ≥ 0, not {number:g}")
    return number


def share(name: str, value: Any) -> float:
    """A number in [0, 1)."""
    number = finite(name, value)
    if not 0 <= number < 1:
        raise TrainingError(f"{name} must be in [0, 1), not {number:g}")
    return number


def at_least(name: str, value: Any, least: int) -> int:
    """A whole number ≥ `least`, however it is written: 2.0 is 2."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TrainingError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise TrainingError(f"{name} must be at least {least}, not {value}")
    return value


def one_of(name: str, value: Any, known: Iterable[str] | Mapping[str, Any]) -> str:
    """One of the known names."""
    names = list(known)
    if value not in names:
        close = nearest(value, names)
        hint = "" if close is None else f": did you mean {close!r}?"
        raise TrainingError(f"{name} must be one of {', '.join(names)}, not {value!r}{hint}")
    return str(value)


def trainable(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The named parameters of `model` that can be trained. There is at least one."""
    named = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    if not named:
        raise TrainingError(
            f"{type(model).__name__} has no trainable parameter: "
            "give it parameters, or call requires_grad_(True) on those to train"
        )
    for name, one in named:
        if isinstance(one, nn.parameter.UninitializedParameter):
            raise TrainingError(f"{name} has no shape yet: run one batch through the model first")
    return named
