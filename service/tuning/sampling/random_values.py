"""Independent random values of parameters: microseconds, so that an ask may draw them in the event loop."""

import math
from random import Random
from typing import Any

from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, IntParameter, Parameter


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
            return _within(math.exp(source.uniform(math.log(low), math.log(high))), low, high)
        case FloatParameter(low=low, high=high, step=None):
            return _within(source.uniform(low, high), low, high)
        case FloatParameter(low=low, high=high, step=float(step)):
            steps = math.floor((high - low) / step + 1e-8)
            return _within(low + source.randrange(steps + 1) * step, low, high)
        case IntParameter(low=low, high=high, log=True):
            drawn = math.exp(source.uniform(math.log(low - 0.5), math.log(high + 0.5)))
            return min(max(round(drawn), low), high)
        case IntParameter(low=low, high=high, step=step):
            return low + source.randrange((high - low) // step + 1) * step
    raise TypeError(f"no random value of a {type(parameter).__name__}")


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
