"""When a learning-rate range test has gone far enough."""

import math
from collections.abc import Sequence
from statistics import median

from lrtune.service.rates.checks import positive
from lrtune.service.rates.range_test.running_median import MOST_HALF, RunningMedian
from lrtune.service.rates.smoothing import DebiasedAverage, median_absolute_deviation

SMOOTHING = 0.9
"""Of the running median of the losses: chosen as in docs/explanation/range-tests.md."""

LARGEST = 1e100
"""A loss beyond counts as not finite."""


class StopRule:
    """Says when a range test has gone far enough: `smoothed − best > factor · max(initial − best, MAD)`, or not finite.

    Differences only, so it serves negative losses and a loss that is zero; the usual "4 × best" does not. MAD is the
    median absolute deviation of the losses up to the best, or of the first half, so noise on a flat start does not end
    the test. The initial loss is the median of the first nine: one alone may be luck.

    An isolated outlier ends it never, nor two side by side: what is smoothed is the running median of five losses, so
    the rule knows of a rise two steps later. One loss that is not finite is an outlier where a finite one follows; two
    in a row, or one at the very end, are a divergence at the first of them. The comparison counts from the tenth loss.
    """

    _FEWEST = 10

    def __init__(self, *, smoothing: float = SMOOTHING, factor: float = 4.0, half_window: int = MOST_HALF) -> None:
        self._factor = positive("factor", factor)
        self._average = DebiasedAverage(smoothing)
        self._medians = RunningMedian(half_window)
        self._taken: list[float] = []
        self.losses: list[float] = []
        """The losses up to the stop, those that are not finite as the median around them; the latest may be missing as
        long as the test goes on."""
        self.medians: list[float] = []
        """Their running median, one for each."""
        self.smoothed: list[float] = []
        """The debiased average of the medians, one for each."""
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
        self._taken.append(loss if usable(loss) else math.inf)
        if len(self._taken) > 1 and not any(map(math.isfinite, self._taken[-2:])):
            return self._diverged(len(self._taken) - 2)
        return self._compare(self._medians.update(self._taken[-1]))

    def end(self) -> bool:
        """There are no more losses: what was waited for does not come. Whether the test stops at one of the last."""
        if self.stopped_at is None and self._taken and not math.isfinite(self._taken[-1]):
            return self._diverged(len(self._taken) - 1)
        return self.stopped_at is not None or self._compare(self._medians.rest())

    def _diverged(self, place: int) -> bool:
        """The loss at `place` is the first of those that are not finite."""
        if not self._compare(self._medians.rest()[: place - len(self.losses)]):
            self.stopped_at = place
        return True

    def _compare(self, medians: Sequence[float]) -> bool:
        for middle in medians:
            if not math.isfinite(middle) or self._one_more(middle):
                self.stopped_at = len(self.losses) - math.isfinite(middle)
                break
        return self.stopped_at is not None

    def _one_more(self, middle: float) -> bool:
        loss = self._taken[len(self.losses)]
        self.losses.append(loss if math.isfinite(loss) else middle)
        self.medians.append(middle)
        smoothed = self._average.update(middle)
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
