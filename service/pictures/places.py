"""Where things lie on an axis, for whatever draws them."""

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from lrtune.service.pictures.parts import (
    Across,
    Axis,
    Band,
    Bars,
    Layer,
    Line,
    Note,
    Panel,
    Picture,
    Points,
    Rule,
    Span,
)

LARGEST = 1e150
"""Larger numbers have no place: the distance of two of them may be none that a float can hold."""


def place(axis: Axis, value: Any) -> float | None:
    """A number as it lies on the axis; None where it has no place there: it is not finite, is too large, or is not
    above 0 on a logarithmic one."""
    if value is None or not math.isfinite(value) or abs(value) > LARGEST:
        return None
    return None if axis.log and value < 1 / LARGEST else float(value)


def axis_of(panel: Panel, across: Across) -> Axis:
    """The panel's axis along x or y."""
    return panel.x if across == "x" else panel.y


def is_shared(picture: Picture, across: Across) -> bool:
    """Whether several panels have one and the same axis."""
    own = [axis_of(panel, across) for panel in picture.panels]
    return len(own) > 1 and all(one == own[0] for one in own)


def names_on(panel: Panel, across: Across) -> list[str]:
    """The categories on an axis, in the order in which they come; none where it is one of numbers."""
    found = chain.from_iterable(_along(layer, across) for layer in panel.layers)
    return list(dict.fromkeys(value for value in found if isinstance(value, str)))


def extent(panel: Panel, across: Across) -> tuple[float, float] | None:
    """The ends of an axis, or the least and the greatest number on it; None where there is none."""
    axis = axis_of(panel, across)
    given = ends_of(axis)
    if given is not None:
        return given
    found = chain.from_iterable(_along(layer, across) for layer in panel.layers)
    places = [at for value in found if not isinstance(value, str) and (at := place(axis, value)) is not None]
    return (min(places), max(places)) if places else None


def ends_of(axis: Axis) -> tuple[float, float] | None:
    """The ends that it was given, where both are places on it and they differ."""
    low, high = (None, None) if axis.ends is None else (place(axis, end) for end in axis.ends)
    return (low, high) if low is not None and high is not None and low != high else None


def decades(ends: tuple[float, float]) -> float:
    """How many powers of ten lie between two numbers > 0."""
    return abs(math.log10(ends[1]) - math.log10(ends[0]))


def is_fine(ends: tuple[float, float]) -> bool:
    """Whether a logarithmic axis has so few decades that 2 and 5 are written beside 1."""
    return decades(ends) < 2.5


def are_short(ends: tuple[float, float]) -> bool:
    """Whether the numbers of a logarithmic axis are written out, and not as powers of ten."""
    return min(ends) >= 1e-3 and max(ends) <= 1e5


def powers(low: float, high: float) -> list[float]:
    """What is written on a logarithmic scale: powers of ten, of few decades also 2 and 5 times those; the ends where
    none lies between them."""
    numbers = (1, 2, 5) if is_fine((low, high)) else (1,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [float(f"{number}e{exponent}") for exponent in exponents for number in numbers]
    within = [value for value in found if low <= value <= high]
    step = max(1, len(within) // 8)
    return within[::step] or [low, high]


def _along(layer: Layer, across: Across) -> Iterator[Any]:
    """All the places that a layer has along x or y."""
    if isinstance(layer, Points | Line):
        fixed = across == "y" and isinstance(layer, Points) and layer.at is not None
        return iter(() if fixed else layer.x if across == "x" else layer.y)
    if isinstance(layer, Band):
        return iter(layer.x) if across == "x" else chain(layer.low, layer.high)
    if isinstance(layer, Bars):
        return iter(layer.names) if (across == "y") == layer.sideways else _ends_of_bars(layer)
    if isinstance(layer, Note):
        return iter((layer.x if across == "x" else layer.y,))
    if layer.across != across:
        return iter(())
    return iter((layer.low, layer.high) if isinstance(layer, Span) else (_at(layer),))


def _ends_of_bars(layer: Bars) -> Iterator[float]:
    starts: Sequence[float] = layer.starts or [0.0] * len(layer.lengths)
    return chain(starts, (start + length for start, length in zip(starts, layer.lengths, strict=True)))


def _at(layer: Rule) -> float:
    return layer.at
