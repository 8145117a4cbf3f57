"""The bar under the answer: where on the axis of rates the interval, the suggestion, the best and the boundary lie."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lrtune.service.sentences.words import rate

_MOST_TICKS = 7


@dataclass(frozen=True)
class Mark:
    """A value and its place, in per cent of the width."""

    value: float
    at: float

    @property
    def shown(self) -> str:
        """Its number, to three digits."""
        return rate(self.value)


@dataclass(frozen=True)
class RateBar:
    """An axis of learning rates, logarithmic, and what lies on it."""

    low: Mark
    high: Mark
    suggested: Mark
    interval: tuple[Mark, Mark] | None
    best: Mark | None
    boundary: Mark | None
    ticks: tuple[Mark, ...]


def rate_bar(
    bounds: tuple[float, float],
    suggested: float,
    interval: tuple[float, float] | None,
    best: float | None,
    boundary: float | None,
) -> RateBar | None:
    """The bar over the searched bounds, wider where something lies outside; None where there is no such axis."""
    values = [value for value in (*bounds, suggested, *(interval or ()), best) if value is not None]
    if not all(value > 0 and math.isfinite(value) for value in values):
        return None
    low, high = min(values), max(values)
    if low >= high:
        return None
    first, width = math.log(low), math.log(high) - math.log(low)

    def mark(value: float) -> Mark:
        return Mark(value, round(100 * min(max((math.log(value) - first) / width, 0.0), 1.0), 2))

    def maybe(value: float | None) -> Mark | None:
        return mark(value) if value is not None and low <= value <= high else None

    return RateBar(
        low=mark(bounds[0]),
        high=mark(bounds[1]),
        suggested=mark(suggested),
        interval=None if interval is None else (mark(interval[0]), mark(interval[1])),
        best=maybe(best),
        boundary=maybe(boundary),
        ticks=tuple(mark(value) for value in _decades(low, high)),
    )


def _decades(low: float, high: float) -> Iterable[float]:
    """Powers of ten between, at most seven; the ends where there are fewer than two."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / _MOST_TICKS))
    found = [10.0**power for power in range(first, last + 1, step)]
    return found if len(found) > 1 else [low, high]
