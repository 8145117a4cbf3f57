"""A parameter's bounds and its middle."""

import math
from typing import Any

from lrtune.service.wire.search_space import CategoricalParameter, Parameter
from lrtune.service.wire.values import nearest_value


def bounds_of(parameter: Parameter) -> tuple[float, float]:
    """The bounds of a number."""
    assert not isinstance(parameter, CategoricalParameter)
    return float(parameter.low), float(parameter.high)


def cut(value: float, low: float, high: float) -> float:
    """The value, within the bounds."""
    return min(max(value, low), high)


def typical_value(parameter: Parameter) -> Any:
    """The middle of a number; the first choice."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[0]
    low, high = bounds_of(parameter)
    return nearest_value(parameter, math.sqrt(low) * math.sqrt(high) if parameter.log else low / 2 + high / 2)
