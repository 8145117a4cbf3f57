"""The largest stable learning rate: a posterior over a boundary on the rate's coordinate, and how gradual it is.

A run at coordinate u is stable with probability σ((b − u)/w). Diverged runs are evidence about b, not losses. The
boundary may depend on one categorical parameter (the optimizer, say): which one, if any, the evidence decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrtune.service.tuning.auto.evidence import Bools, Floats

_GRID: Floats = np.linspace(-0.05, 1.3, 161)
_WIDTHS: Floats = np.array([0.004, 0.015, 0.05, 0.15])
_SHARP = 0.1
_SPLIT_PENALTY = 1.0
"""Log evidence that a split must gain before it is believed."""


@dataclass(frozen=True)
class _Curve:
    """P(stable) over `_PLACES`, the log evidence, the diverged runs it rests on, and P(the boundary is sharp)."""

    stable: Floats
    log_evidence: float
    diverged: int
    sharp: float


_PLACES: Floats = np.linspace(-0.02, 1.02, 261)
_STABLE_AT: Floats = 1.0 / (1.0 + np.exp(-np.clip((_GRID[:, None, None] - _PLACES) / _WIDTHS[:, None], -60.0, 60.0)))


@dataclass(frozen=True)
class Boundary:
    """Posteriors by the choice of one categorical block (`split`: its first column and width), or one for all."""

    curves: tuple[_Curve, ...]
    split: tuple[int, int] | None
    rate_index: int | None

    def safe(self, points: Floats) -> Floats:
        """P(stable) at points (m, columns), shape (m,); 1 while nothing has diverged."""
        found = np.ones(len(points))
        for index, members in self._groups(points):
            curve = self.curves[index]
            if curve.diverged and self.rate_index is not None:
                found[members] = np.interp(points[members, self.rate_index], _PLACES, curve.stable)
        return found

    def required(self, points: Floats) -> Floats:
        """The probability that points (m, columns) must have to be tried: it grows with each diverged run.

        What diverged anywhere counts: each choice of a split has had its share of the lesson, and pays for none alone.
        Nothing is forbidden where divergence does not hang on the rate alone: the probability counts all the same.
        """
        needed, diverged = np.zeros(len(points)), sum(curve.diverged for curve in self.curves)
        for index, members in self._groups(points):
            curve = self.curves[index]
            if curve.diverged and curve.sharp > 0.5:
                needed[members] = max(0.5, 1.0 - 1.0 / (1.0 + diverged))
        return needed

    def _groups(self, points: Floats) -> list[tuple[int, Bools]]:
        if self.split is None:
            return [(0, np.ones(len(points), dtype=bool))]
        first, width = self.split
        chosen = points[:, first : first + width].argmax(axis=1)
        return [(index, chosen == index) for index in range(width)]


def learn_boundary(
    points: Floats, diverged: Bools, rate_index: int | None, blocks: Sequence[tuple[int, int]] = ()
) -> Boundary:
    """The posterior given the points (n, columns) of runs that ended or went well for a while, and which diverged
    (n,). `blocks`: first column and width of each categorical parameter."""
    rates = points[:, rate_index] if rate_index is not None else np.zeros(len(points))
    pooled = _fit(rates, diverged)
    best = Boundary((pooled,), None, rate_index)
    if not pooled.diverged or rate_index is None:
        return best
    evidence = pooled.log_evidence
    for first, width in blocks:
        chosen = points[:, first : first + width].argmax(axis=1)
        curves = tuple(_fit(rates[chosen == index], diverged[chosen == index]) for index in range(width))
        gained = sum(curve.log_evidence for curve in curves) - _SPLIT_PENALTY
        if gained > evidence:
            evidence, best = gained, Boundary(curves, (first, width), rate_index)
    return best


def _fit(rates: Floats, diverged: Bools) -> _Curve:
    if not diverged.any():
        count = np.zeros_like(_PLACES)
        return _Curve(count + 1.0, _log_evidence(_log_likelihood(rates, diverged)), 0, 1.0)
    log_likelihood = _log_likelihood(rates, diverged)
    weights = np.exp(log_likelihood - log_likelihood.max())
    weights /= weights.sum()
    stable = np.einsum("bw,bwx->x", weights, _STABLE_AT)
    sharp = float(weights[:, _WIDTHS < _SHARP].sum())
    return _Curve(stable, _log_evidence(log_likelihood), int(diverged.sum()), sharp)


def _log_likelihood(rates: Floats, diverged: Bools) -> Floats:
    z = (_GRID[:, None, None] - rates) / _WIDTHS[:, None]
    total: Floats = -np.logaddexp(0.0, np.where(diverged, z, -z)).sum(axis=2)
    return total


def _log_evidence(log_likelihood: Floats) -> float:
    peak = float(log_likelihood.max())
    return peak + float(np.log(np.exp(log_likelihood - peak).mean()))
