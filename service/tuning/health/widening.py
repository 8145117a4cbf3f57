"""The bounds of a search space: how far a value lies from one, and how one is moved outwards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, IntParameter, Parameter

_FURTHER_ON_LOG = 10.0
_FEWEST_VALUES = 8
"""A number with fewer values has most of them near a bound."""


@dataclass(frozen=True)
class Side:
    """A bound of a number, the upper or the lower one."""

    name: str
    upper: bool
    low: float
    high: float
    log: bool

    @property
    def bound(self) -> float:
        """The bound itself."""
        return self.high if self.upper else self.low

    def distance(self, params: Mapping[str, Any]) -> float | None:
        """How far from the bound the parameter is, as a share of the range; None where it has no number."""
        value = params.get(self.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.log:
            if value <= 0:
                return None
            place = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            place = (value - self.low) / (self.high - self.low)
        return 1 - place if self.upper else place


def searchable_sides(space: Mapping[str, Parameter]) -> list[Side]:
    """The bounds beyond which there may be something: not the 0 and the 1 of a share, nor those of a handful of
    values."""
    sides = []
    for name, parameter in space.items():
        if isinstance(parameter, CategoricalParameter) or _values(parameter) < _FEWEST_VALUES:
            continue
        low, high = float(parameter.low), float(parameter.high)
        is_share = low >= 0 and high == 1 and not parameter.log
        if low != 0:
            sides.append(Side(name, False, low, high, parameter.log))
        if not is_share:
            sides.append(Side(name, True, low, high, parameter.log))
    return sides


def wider(space: Mapping[str, Parameter], sides: Sequence[Side], rate: str | None) -> str:
    """The flags of `lrtune study create` that move these bounds outwards: by a decade on a log scale, else by half the
    range.

    >>> wider({"lr": FloatParameter(low=1e-5, high=1, log=True)}, [Side("lr", True, 1e-5, 1, True)], "lr")
    '--high 10'
    """
    flags = []
    for name in dict.fromkeys(side.name for side in sides):
        moved = {side.upper: _beyond(side, space[name]) for side in sides if side.name == name}
        if name == rate:
            flags += [f"--{'high' if upper else 'low'} {_shown(value)}" for upper, value in sorted(moved.items())]
            continue
        parameter = space[name]
        assert not isinstance(parameter, CategoricalParameter)
        low, high = moved.get(False, parameter.low), moved.get(True, parameter.high)
        kind = f"{name}={parameter.type}:{_shown(low)}:{_shown(high)}"
        flags.append(f"--param {kind}{':log' if parameter.log else ''}")
    return " ".join(flags)


def _beyond(side: Side, parameter: Parameter) -> float | int:
    if side.log:
        moved = side.bound * _FURTHER_ON_LOG if side.upper else side.bound / _FURTHER_ON_LOG
    else:
        half = (side.high - side.low) / 2
        moved = side.bound + half if side.upper else side.bound - half
    if isinstance(parameter, IntParameter):
        whole = round(moved)
        return max(1, whole) if side.log else whole
    return moved


def _values(parameter: FloatParameter | IntParameter) -> float:
    if isinstance(parameter, IntParameter):
        return (parameter.high - parameter.low) // parameter.step + 1
    return math.inf if parameter.step is None else math.floor((parameter.high - parameter.low) / parameter.step) + 1


def _shown(value: float | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3g}"
