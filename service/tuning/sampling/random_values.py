"""Independent random values of parameters: microseconds, so that an ask may draw them in the event loop."""

import math
from random import Random
from typing import Any

from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, IntParameter, Parameter
from lrtune.service.wire.values import count_of, nearest_value, value_at


def generator(seed: int, number: int) -> Random:
    """The source of randomness of trial `number` in a study of that seed."""
    return Random(f"{seed}/{number}")


def random_value(parameter: Parameter, source: Random) -> Any:
    """A uniform value of the parameter, log-uniform where it is logarithmic.

    A logarithmic int has each value's share of the axis, half a unit to both sides of it, as in Optuna.
    """
    match parameter:
        case CategoricalParameter(choices=choices):
            return choices[source.randrange(len(choices))]
        case FloatParameter(low=low, high=high, log=True):
            return nearest_value(parameter, math.exp(source.uniform(math.log(low), math.log(high))))
        case FloatParameter(low=low, high=high, step=None):
            return nearest_value(parameter, source.uniform(low, high))
        case IntParameter(low=low, high=high, log=True):
            return nearest_value(parameter, math.exp(source.uniform(math.log(low - 0.5), math.log(high + 0.5))))
        case FloatParameter() | IntParameter():
            return value_at(parameter, source.randrange(count_of(parameter) or 1))
    raise TypeError(f"no random value of a {type(parameter).__name__}")
