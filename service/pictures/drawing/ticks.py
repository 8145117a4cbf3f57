"""Where an axis has its ticks: round numbers, some five of them."""

import math
from collections.abc import Sequence

_ROUND = (1.0, 2.0, 5.0, 10.0)
_MOST_DECADES = 8
_LARGEST = 1e300


def linear(low: float, high: float, count: int = 5) -> list[float]:
    """Round places between `low` and `high`, about `count`: of 0 and 1 are 0, .2, .4, .6, .8 and 1."""
    span = high - low
    if not 0 < span < _LARGEST:
        return [low] if math.isfinite(low) else []
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    if power == 0.0:
        return [low, high]
    step = power * min(_ROUND, key=lambda each: abs(each - rough / power))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def logarithmic(low: float, high: float) -> list[float]:
    """Powers of ten between `low` and `high`, both above 0, every other one where they are many; with 2 and 5 times
    those where they are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = max(1, math.ceil((last - first) / _MOST_DECADES))
    powers = [10.0**power for power in range(first, last + 1, every)]
    if len(powers) > 2:
        return powers
    finer = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
    return [float(f"{place:.12g}") for place in finer if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)] or [low, high]


def shown(places: Sequence[float]) -> list[str]:
    """What is written at them: as few digits as tell them apart."""
    return [f"{place:.6g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e") for place in places]
