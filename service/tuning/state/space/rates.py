"""The learning rate among a trial's parameters, which another process may have written."""

from collections.abc import Mapping
from typing import Any


def rate_in(params: Mapping[str, Any], name: str | None) -> float | None:
    """The parameter `name`, where it is a number > 0."""
    rate: Any = params.get(name) if name is not None else None
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        return None
    return rate if rate > 0 else None


def is_odd(params: Mapping[str, Any], name: str | None) -> bool:
    """Whether the parameter `name` is there and no rate: then nothing of the trial tells of rates."""
    return name is not None and name in params and rate_in(params, name) is None
