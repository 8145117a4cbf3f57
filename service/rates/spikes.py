"""Isolated outliers among losses: found, and replaced.

A loss is far off where it is more than `FAR` standard deviations from the median of the nine before it, by their
median absolute deviation or by the noise of all so far, the larger (Hampel 1974, "The influence curve and its role in
robust estimation"). It is a spike where the first loss after it is back, and most of nine are: not where they stay up,
not where they come down slowly, and not where they are a little higher, as on the way to a divergence. The numbers are
those with which the answers of docs/explanation/range-tests.md, on curves without a spike, stay as good as they are
without this filter.
"""

import math
from statistics import median

from lrtune.service.rates.smoothing import MAD_TO_SD, median_absolute_deviation, noise

FAR = 8.0
BACK = 2.0
"""Standard deviations, the noise of the losses around it included, within which a loss counts as back …"""
AFTER = 9
"""So many losses after it are looked at, until most of them agree."""
NEXT = 0.2
"""The first of them is within this share of how far off the loss was: an outlier ends at once, an instability dies
down."""
HEAD = 10
"""The first losses are judged together: there is nothing before them."""

BACK_FROM_ABOVE, BACK_FROM_BELOW = 0.02, 0.5
"""… or within this share of how far off the loss was: little after one that was too high, since it may be the first of
a divergence; more after one that was too low, since losses go on to fall meanwhile."""

_ROUNDING = 1e-9
_FEWEST = 2
_GOING_ON = 10.0
"""A change goes on with a loss that is at most so many times as far off as the one before."""


class SpikeFilter:
    """Gives losses back one by one, in their order, each spike as the middle of what is around it.

    A loss that is far off is held until five of those after it agree: after ten losses of 1, a 9 gives nothing, and
    five more 1 give six 1; five more 9 would give six 9.
    """

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._given: list[float] = []
        self._noise, self._noise_of = 0.0, 0
        self._changed = 0.0
        """How far the loss before was off, where it was and was no spike."""

    def update(self, loss: float) -> list[float]:
        """Take one more loss, finite; return those that are settled now."""
        self._losses.append(loss)
        before = len(self._given)
        if len(self._losses) >= HEAD:
            while len(self._given) < len(self._losses) and (one := self._settled(len(self._given))) is not None:
                self._given.append(one)
        return self._given[before:]

    def rest(self, *, diverged: bool) -> list[float]:
        """Those that are still held, when no more come: as they are where the test `diverged`, else by what there is of
        the losses after them, two at least."""
        before = len(self._given)
        for place in range(before, len(self._losses)):
            self._given.append(self._losses[place] if diverged else self._at_the_end(place))
        return self._given[before:]

    def _at_the_end(self, place: int) -> float:
        count = len(self._losses) - place - 1
        settled = self._settled(place, min(count, AFTER)) if len(self._losses) >= HEAD and count >= _FEWEST else None
        return self._losses[place] if settled is None else settled

    def _settled(self, place: int, looked_at: int = AFTER) -> float | None:
        """What is given for the loss at `place`; None while it is not known."""
        loss = self._losses[place]
        around = self._losses[:HEAD] if place < HEAD else self._losses[place + 1 - HEAD : place]
        middle = median(around)
        spread = max(MAD_TO_SD * median_absolute_deviation(around), self._noise_so_far(), _ROUNDING * abs(middle))
        off = loss - middle
        if abs(off) <= FAR * spread:
            self._changed = 0.0
            return loss
        if off * self._changed > 0 and abs(off) <= _GOING_ON * abs(self._changed):
            self._changed = off
            return loss
        after = self._losses[place + 1 : place + 1 + looked_at]
        level = max(spread, noise([*self._given[-2 * HEAD :], *after]))
        within = max(BACK * level, abs(off) * (BACK_FROM_ABOVE if off > 0 else BACK_FROM_BELOW))
        beyond = [(one - middle) * math.copysign(1.0, off) for one in after]
        back = sum(one <= within for one in beyond)
        next_one = next((one for one in beyond if abs(one) <= FAR * spread), 0.0)
        if len(after) - back >= looked_at / 2 or next_one > NEXT * abs(off):
            self._changed = off
            return loss
        return (middle + median(after)) / 2 if back > looked_at / 2 else None

    def _noise_so_far(self) -> float:
        """Without the spikes; taken anew when there are a sixteenth more losses."""
        if len(self._given) > self._noise_of * 17 // 16:
            self._noise_of = len(self._given)
            self._noise = noise(self._given) if self._noise_of >= HEAD else 0.0
        return self._noise
