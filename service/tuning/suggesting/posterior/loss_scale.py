"""The scale on which losses are compared along the rate."""

from dataclasses import dataclass

import numpy as np

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.surrogate.model import Model, losses_of

_BEYOND_CAP = 0.1
"""Of a difference among losses that are so bad that it hardly matters how bad: so much of it counts."""


@dataclass(frozen=True)
class LossScale:
    """Losses as the search's g of them (`surrogate.targets`), of mean nought and variance one; what is beyond g's cap
    stays in its order. `ranked`: in several parameters the scale is that of the search, by ranks."""

    model: Model
    ranked: bool
    middle: float
    spread: float

    @property
    def stretch(self) -> float:
        """What variances on the search's own scale are divided by to be on this."""
        known = np.isfinite(self.model.ends)
        own = float(np.minimum(self.model.told[known], self.model.scale.cap).std()) or 1.0
        return (self.spread / own) ** 2

    def shown(self, told: Floats) -> Floats:
        """g of losses on this scale, same shape."""
        if self.ranked:
            known = np.isfinite(self.model.ends)
            order = np.argsort(self.model.told[known], kind="stable")
            found: Floats = np.interp(told, self.model.told[known][order], self.model.ends[known][order])
            return found
        return (_softly_capped(told, self.model.scale.cap) - self.middle) / self.spread

    def losses(self, shown: Floats) -> Floats:
        """Values on this scale as losses, lower is better, same shape."""
        if self.ranked:
            return losses_of(self.model, shown)
        scale = self.model.scale
        g = shown * self.spread + self.middle
        g = np.where(g > scale.cap, scale.cap + (g - scale.cap) / _BEYOND_CAP, g)
        return self._of_their_sign(np.exp(np.minimum(g, 690.0)) - scale.spread / 2 + scale.best)

    def _of_their_sign(self, losses: Floats) -> Floats:
        """Where no trial has a loss below nought, or none one above it, nor have these: past the trials' losses towards
        nought they go on by ratios."""
        final = self.model.evidence.final[self.model.evidence.finished]
        if not len(final):
            return losses
        least, most = float(final.min()), float(final.max())
        if least >= 0:
            return np.where(losses < least, _towards_nought(losses, least), losses)
        return -np.where(losses > most, _towards_nought(-losses, -most), -losses) if most <= 0 else losses


def _towards_nought(losses: Floats, least: float) -> Floats:
    """What lies below `least`, ≥ 0, as a share of it; above it, it."""
    if least == 0:
        return np.zeros_like(losses)
    return least * np.exp(np.minimum(losses / least - 1, 0.0))


def loss_scale(model: Model) -> LossScale:
    """The scale of what is known of the trials' ends."""
    g = _softly_capped(model.told[np.isfinite(model.told)], model.scale.cap)
    return LossScale(model, model.evidence.cube.shape[1] > 1, float(g.mean()), float(g.std()) or 1.0)


def _softly_capped(told: Floats, cap: float) -> Floats:
    found: Floats = np.where(told > cap, cap + _BEYOND_CAP * (told - cap), told)
    return found
