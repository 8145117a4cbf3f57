"""Whether the losses of a range test fall, and whether it ends too soon or begins too late."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from lrtune.service.rates.smoothing import noise
from lrtune.service.sentences import range_test as say

FEWEST = 10
"""With fewer losses nothing is said."""

_SIGNAL = 6.0
"""A fall counts where it exceeds so many standard errors of a window's mean."""

_SHARE = 5
"""An end is a fifth of the test, eight losses at least."""

_SIGNIFICANT = 2.4
"""Standard errors of Kendall's statistic by which an end must rise or fall: of noise, one end in a hundred does."""

_ALL_ALONG = 4.0
"""The same for a rise all along: of a flat test that diverges in its last tenth it is 2.7."""

_MATTERS = 0.05
"""An end still falls where it falls by this share of the whole fall: a curve that is levelling out does not."""

_MOST = 100
"""Losses of an end that are compared with each other; of longer ones the medians of groups."""


@dataclass(frozen=True)
class Fall:
    """Whether losses fall by more than noise does, and the numbers in a sentence."""

    clear: bool
    told: str

    @classmethod
    def of(cls, losses: Sequence[float]) -> "Fall":
        """Medians of windows are compared, the first with the lowest: of noise alone about one test in two hundred
        passes."""
        width = max(5, len(losses) // 10)
        if len(losses) < FEWEST:
            return cls(False, say.few(len(losses)))
        before = median(losses[:width])
        starts = range(width, len(losses) - width + 1, max(1, width // 10))
        lowest, spread = min(median(losses[start : start + width]) for start in starts), noise(losses)
        needed = max(_SIGNAL * spread / math.sqrt(width), 1e-9 * abs(before))
        clear = before - lowest > needed
        return cls(clear, (say.falls if clear else say.flat)(before, lowest, spread))


def still_falling(losses: Sequence[float]) -> bool:
    """Whether the last of `losses` are the lowest, and still fall by more than noise does."""
    if len(losses) < FEWEST:
        return False
    first, last = _halves(losses[-_width(losses) :])
    highest, lowest = _extremes(losses)
    lowest_yet = last <= lowest + noise(losses)
    return (
        lowest_yet and first - last > _MATTERS * (highest - last) and _trend(losses[-_width(losses) :]) < -_SIGNIFICANT
    )


def rises_from_the_start(losses: Sequence[float]) -> bool:
    """Whether the first of `losses` are the lowest, and rise by more than noise does: the first fifth, or all of them,
    slowly."""
    if len(losses) < FEWEST:
        return False
    end, lowest = losses[: _width(losses)], _extremes(losses)[1]
    if _halves(end)[0] > lowest + noise(end):
        return False
    return _trend(end) > _SIGNIFICANT or _trend(losses) > _ALL_ALONG


def _width(losses: Sequence[float]) -> int:
    return max(8, len(losses) // _SHARE)


def _halves(end: Sequence[float]) -> tuple[float, float]:
    half = len(end) // 2
    return median(end[:half]), median(end[-half:])


def _extremes(losses: Sequence[float]) -> tuple[float, float]:
    """The highest and the lowest median of windows as long as half an end."""
    half = _width(losses) // 2
    medians = [median(losses[at : at + half]) for at in range(0, len(losses) - half + 1, max(half // 2, 1))]
    return max(medians), min(medians)


def _trend(end: Sequence[float]) -> float:
    """Kendall's statistic of losses against time, in its standard deviations (Mann 1945, "Nonparametric tests against
    trend"): of all pairs, how many more rise than fall. An outlier is in few pairs, and its size does not matter."""
    group = -(-len(end) // _MOST)
    values = [median(end[at : at + group]) for at in range(0, len(end), group)]
    count = len(values)
    rising = sum((later > value) - (later < value) for value, later in combinations(values, 2))
    return rising / math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)
