"""When a learning-rate range test has gone far enough."""

import math
from collections.abc import Sequence
from statistics import median

from lrtune.service.rates.checks import positive
from lrtune.service.rates.smoothing import DebiasedAverage, median_absolute_deviation
from lrtune.service.rates.spikes import SpikeFilter

LARGEST = 1e100
"""A loss beyond counts as not finite."""


class StopRule:
    """Says when a range test has gone far enough: `smoothed − best > factor · max(initial − best, MAD)`, or not finite.

    Differences only, so it serves negative losses and a loss that is zero; the usual "4 × best" does not. MAD is the
    median absolute deviation of the losses up to the best, or of the first half, so noise on a flat start does not end
    the test. The initial loss is the median of the first nine: one alone may be luck.

    Not finite ends the test at any step, the comparison from the tenth on. An isolated outlier ends it never: the
    comparison waits, nine losses at most, for those that show what it is.
    """

    _FEWEST = 10

    def __init__(self, *, smoothing: float = 0.98, factor: float = 4.0) -> None:
        self._factor = positive("factor", factor)
        self._average = DebiasedAverage(smoothing)
        self._spikes = SpikeFilter()
        self.losses: list[float] = []
        """The losses without spikes, up to the stop; the latest may be missing as long as the test goes on."""
        self.smoothed: list[float] = []
        """Their debiased average, one for each."""
        self.stopped_at: int | None = None
        """The place of the loss at which the test is over."""
        self._initial = self._best = math.nan
        self._best_at = 0
        self._spread_of = 0
        self._mad = 0.0

    def update(self, loss: float) -> bool:
        """Take the loss of one more step; True: stop the test. Losses after that are not taken."""
        if self.stopped_at is not None:
            return True
        if usable(loss):
            return self._compare(self._spikes.update(loss))
        if not self._compare(self._spikes.rest(diverged=True)):
            self.stopped_at = len(self.losses)
        return True

    def end(self) -> bool:
        """There are no more losses: what was waited for does not come. Whether the test stops at one of the last."""
        return self.stopped_at is not None or self._compare(self._spikes.rest(diverged=False))

    def _compare(self, settled: Sequence[float]) -> bool:
        if any(self._one_more(loss) for loss in settled):
            self.stopped_at = len(self.losses) - 1
        return self.stopped_at is not None

    def _one_more(self, loss: float) -> bool:
        self.losses.append(loss)
        smoothed = self._average.update(loss)
        self.smoothed.append(smoothed)
        if len(self.losses) < self._FEWEST:
            self._initial = self._best = median(self.losses)
            return False
        if smoothed < self._best:
            self._best, self._best_at = smoothed, len(self.losses) - 1
        rounding = 1e-9 * max(abs(self._initial), abs(self._best))
        risen = smoothed - self._best
        if risen <= self._factor * max(self._initial - self._best, rounding):
            return False
        return risen > self._factor * self._spread()

    def _spread(self) -> float:
        """The MAD of the losses before things went wrong; taken anew when there are a sixteenth more of them."""
        width = max(self._best_at + 1, self._FEWEST, len(self.losses) // 2)
        if width > self._spread_of * 17 // 16:
            self._spread_of = width
            self._mad = median_absolute_deviation(self.losses[:width])
        return self._mad


def usable(loss: float) -> bool:
    """Finite, and so small that differences and sums are finite too."""
    return abs(loss) < LARGEST
