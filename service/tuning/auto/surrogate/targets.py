"""Losses on the scale where the search works."""

from dataclasses import dataclass

import numpy as np

from lrtune.service.tuning.auto.evidence import Evidence, Floats

_CAP_SPREADS = 2.5
_SHARE = 0.25


@dataclass(frozen=True)
class Scale:
    """g(loss) = log(loss − best + spread / 2): differences near the best weigh most.

    `spread` is the median loss less the best one.
    """

    best: float
    spread: float

    @property
    def centre(self) -> float:
        """g of the median loss."""
        return float(np.log(1.5 * self.spread))

    @property
    def cap(self) -> float:
        """g where losses are so bad that it does not matter how bad."""
        return float(np.log((_CAP_SPREADS + 0.5) * self.spread))

    def __call__(self, losses: Floats) -> Floats:
        """g of each loss, NaN where it is NaN, same shape."""
        gap = np.maximum(losses - self.best, -0.25 * self.spread)
        shown: Floats = np.log(gap + self.spread / 2)
        return shown


def scale_of(evidence: Evidence) -> Scale | None:
    """The scale by the finished runs; while there are fewer than two, by the last losses of all. None without any."""
    final_losses = evidence.final[evidence.finished]
    started = np.flatnonzero(evidence.partial)
    latest = evidence.curves[started, evidence.reached[started]]
    everything = np.concatenate([final_losses, latest[np.isfinite(latest)]])
    if len(final_losses) < 2:
        final_losses = everything
    if not len(final_losses):
        return None
    best = float(final_losses.min())
    spread = max(float(np.median(final_losses)) - best, _SHARE * (float(np.median(everything)) - best))
    if not spread > 1e-12 * max(abs(best), 1e-300):
        spread = float(final_losses.max()) - best
    return Scale(best, spread if spread > 0 else max(abs(best), 1.0) * 1e-3)
