"""The loss over the learning rate at several lengths of training: what short, annealed ones say about a full one.

A Gaussian process over the log rate and the length (Kennedy and O'Hagan 2000: kin curves at each fidelity). The valley
moves to lower rates as trainings grow longer. By how much is learned from the study's own lengths, and drawn towards a
quarter decade for 3 × the steps: the measured median is half of that, but past the valley the loss rises faster than
before it, so a ladder that steps down by the median alone falls off the far side (docs/explanation/ladder.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrtune.service.tuning.auto.evidence import Bools, Floats

_SHIFTS = np.array([-0.125, 0.0, 0.125, 0.25, 0.375, 0.5])
"""Decades the valley moves down for 3 × the length, a priori normal around `_SHIFT` ± `_SHIFT_SD`."""

_SHIFT, _SHIFT_SD = 0.25, 0.125
_LENGTH_SCALES = np.array([0.5, 1.0, 2.0])
"""In decades of rate."""

_KINSHIPS = np.array([0.6, 0.9, 0.98])
"""The correlation of the curves at lengths 3 × apart."""

_NOISE = 0.02
"""The variance between seeds, on the scale of the curve's own."""

_LEVEL_VARIANCE = 9.0
"""Each length has a level of its own, about which nothing is known."""

_AMPLITUDE, _AMPLITUDE_RUNS = 0.5, 2.0
_CAP = 1.0
"""How bad counts at most, in log loss over the best: 2.7 × and 1000 × are alike, else cliffs bend the valley."""

_DIVERGED = 1.2 * _CAP


@dataclass(frozen=True)
class Outcomes:
    """Trainings, shape (n,) each: `x` the log10 rate; `level` log3 of the length over the full one, ≤ 0; `loss` the
    final loss, NaN where pending or diverged; `diverged`."""

    x: Floats
    level: Floats
    loss: Floats
    diverged: Bools

    @property
    def finished(self) -> Bools:
        """Those with a final loss, shape (n,)."""
        return np.isfinite(self.loss)

    def at(self, level: float) -> Bools:
        """Those of that length, shape (n,)."""
        return np.isclose(self.level, level)


@dataclass(frozen=True)
class Scale:
    """Losses as 0 at the best of their length, up to `_CAP`: by their ratio where all are > 0, else by their distance
    in spreads (median less best)."""

    ratios: bool
    spread: float

    @classmethod
    def of(cls, seen: Outcomes) -> "Scale":
        """The scale of all outcomes."""
        losses = [seen.loss[seen.at(level) & seen.finished] for level in np.unique(seen.level)]
        ratios = all((some > 0).all() for some in losses)
        most = max(losses, key=len, default=np.zeros(0))
        spread = float(np.median(most) - most.min()) if len(most) else 0.0
        size = max((abs(float(some[0])) for some in losses if len(some)), default=0.0)
        return cls(ratios, spread if spread > 0 else size or 1.0)

    def show(self, loss: Floats, best: float) -> Floats:
        """Losses on the scale, same shape."""
        with np.errstate(over="ignore"):
            gap = np.log(loss / best) if self.ratios else np.log1p((loss - best) / self.spread)
        shown: Floats = _CAP * -np.expm1(-gap / _CAP)
        return shown

    def loss(self, shown: float, best: float) -> float:
        """The loss at a place on the scale."""
        gap = -_CAP * np.log1p(-min(shown, 0.95 * _CAP) / _CAP)
        return float(best * np.exp(gap) if self.ratios else best + self.spread * np.expm1(gap))


@dataclass(frozen=True)
class Model:
    """A fitted model: a mixture over (shift, length-scale, kinship), with weights (c,)."""

    x: Floats
    level: Floats
    mixture: Floats
    """(3, c)"""
    weights: Floats
    inverse: Floats
    """(c, n, n)"""
    solved: Floats
    """(c, n)"""
    amplitude: Floats
    """(c,)"""

    @property
    def shift(self) -> float:
        """Decades that the valley moves down for 3 × the length."""
        return float(self.weights @ self.mixture[0])

    def predict(self, x: Floats, level: float) -> tuple[Floats, Floats]:
        """Mean and standard deviation, on the `Scale`, at log10 rates (m,) and a length; each (m,)."""
        k = _covariance(self.x, self.level, x, np.full(len(x), level), self.mixture)
        means = np.einsum("cn,cnm->cm", self.solved, k)
        told = np.einsum("cnm,cnm->cm", k, self.inverse @ k)
        variances = np.maximum(1 + _LEVEL_VARIANCE - told, 1e-9) * self.amplitude[:, None]
        mean = self.weights @ means
        return mean, np.sqrt(np.maximum(self.weights @ (variances + means**2) - mean**2, 1e-12))


def fit(seen: Outcomes, scale: Scale) -> Model:
    """Fit to what has ended; with nothing, the prior. A few ms for a few dozen trainings."""
    known = seen.finished | seen.diverged
    x, level, y = seen.x[known], seen.level[known], _targets(seen, scale)[known]
    mixture = np.array([axis.ravel() for axis in np.meshgrid(_SHIFTS, _LENGTH_SCALES, _KINSHIPS, indexing="ij")])
    k = _covariance(x, level, x, level, mixture) + _NOISE * np.eye(len(x))
    inverse: Floats = np.asarray(np.linalg.inv(k), dtype=np.float64)
    solved = inverse @ y
    squares: Floats = _AMPLITUDE_RUNS * _AMPLITUDE**2 + solved @ y
    runs = _AMPLITUDE_RUNS + len(x)
    evidence = -0.5 * np.linalg.slogdet(k)[1] - 0.5 * runs * np.log(squares)
    evidence -= 0.5 * ((mixture[0] - _SHIFT) / _SHIFT_SD) ** 2
    weights: Floats = np.exp(evidence - evidence.max())
    weights /= weights.sum()
    return Model(x, level, mixture, weights, inverse, solved, squares / runs)


def _targets(seen: Outcomes, scale: Scale) -> Floats:
    y = np.where(seen.diverged, _DIVERGED, np.nan)
    for level in np.unique(seen.level):
        here = seen.at(level) & seen.finished
        if here.any():
            y[here] = scale.show(seen.loss[here], float(seen.loss[here].min()))
    return y


def _covariance(x: Floats, level: Floats, other_x: Floats, other_level: Floats, mixture: Floats) -> NDArray[np.float64]:
    """(c, n, m): a Matérn-5/2 in the rate as it would be at full length, times the kinship of the lengths."""
    shift, length_scale, kinship = mixture[:, :, None]
    here, there = x + shift * level, other_x + shift * other_level
    r = np.sqrt(5.0) * np.abs(here[:, :, None] - there[:, None, :]) / length_scale[:, :, None]
    apart = np.abs(level[:, None] - other_level[None, :])
    k: Floats = (1 + r + r**2 / 3) * np.exp(-r) * kinship[:, :, None] ** apart + _LEVEL_VARIANCE * np.isclose(apart, 0)
    return k
