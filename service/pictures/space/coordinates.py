"""Where a value of a parameter lies on its axis."""

import math
from dataclasses import dataclass
from typing import Any

from lrtune.service.sentences.words import rate
from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, IntParameter, Parameter


@dataclass(frozen=True)
class Coordinate:
    """A parameter's axis, and where values lie on it."""

    name: str
    parameter: Parameter

    @property
    def is_log(self) -> bool:
        """Whether its axis is logarithmic."""
        return isinstance(self.parameter, FloatParameter | IntParameter) and self.parameter.log

    def place(self, value: Any) -> float | None:
        """The share of the way along the axis, 0 to 1 within the bounds; None where the value has no place on it."""
        parameter = self.parameter
        if isinstance(parameter, CategoricalParameter):
            at = choice_of(parameter, value)
            return None if at is None else (at + 0.5) / len(parameter.choices)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        low, high = float(parameter.low), float(parameter.high)
        if high <= low:
            return 0.5
        if not parameter.log:
            return (value - low) / (high - low)
        return math.log(value / low) / math.log(high / low) if value > 0 else None

    def ticks(self, most: int = 12) -> list[tuple[float, str]]:
        """Places along the axis, and what is written there: its ends, or its choices where they are few enough."""
        parameter = self.parameter
        if not isinstance(parameter, CategoricalParameter):
            if parameter.high <= parameter.low:
                return [(0.5, rate(float(parameter.low)))]
            return [(0.0, rate(float(parameter.low))), (1.0, rate(float(parameter.high)))]
        count = len(parameter.choices)
        stride = -(-count // most)
        return [((at + 0.5) / count, shown(parameter.choices[at])) for at in range(0, count, stride)]


def choice_of(parameter: CategoricalParameter, value: Any) -> int | None:
    """The place of a choice among the others: 1 is not True there."""
    for at, choice in enumerate(parameter.choices):
        if type(choice) is type(value) and choice == value:
            return at
    return None


def shown(value: Any, longest: int = 18) -> str:
    """A parameter's value in a few letters: numbers to three digits."""
    if isinstance(value, float):
        return rate(value)
    text = "none" if value is None else str(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
