"""Whether losses depend on the learning rate at all.

They do not where a smoother along the logarithm of the rate foretells a loss no better than the mean of the others
does, nor better than it would were the rates dealt out anew (a permutation test, Fisher 1935), where no loss stands
out, and where all differ little. Made to be silent when in doubt; tests/rates/test_no_difference.py says how often it
errs.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 8
"""Trainings; with other parameters half as many again."""

DECADES = 2.0
"""How far apart the rates must be, from the tenth to the ninetieth in a hundred."""

_WIDTHS = (0.25, 0.5, 1.0)
"""Of the smoother, in decades: valleys are wide or narrow."""

_DEALS = 99
_LEAST_WEIGHT = 1e-9
_DIFFER, _DIFFER_BESIDE = 0.1, 0.5
"""The standard deviation of the losses, as a share of their median, up to which they differ little: alone, and beside
other parameters, of which linear and square terms have been taken out."""

_HARDLY, _HARDLY_CHANCE = 0.01, 0.1
"""Losses that differ by less are the same for all that matters, unless chance does as well as the smoother as rarely as
the second."""

_LIMITS = ((12, 0.8, 2.5), (16, 0.5, 3.0), (24, 0.3, 3.0), (10**9, 0.1, 3.5))
"""With fewer trainings than the first: how often chance must do as well as the smoother, at least, and how far a loss
may lie from the median, in robust standard deviations."""


def depends_on_rate(rates: Floats, losses: Floats, others: Floats) -> bool:
    """Whether `losses` (n,), lower is better, depend on `rates` (n,), or may: True in doubt, with few rates say.

    `others` (n, k): the other parameters in the unit cube, whose own part in the losses is taken out first.
    """
    count, beside = len(losses), others.shape[1]
    places = np.log10(rates)
    if count < FEWEST * (1.5 if beside else 1) or not np.isfinite(losses).all():
        return True
    low, high = np.quantile(places, [0.1, 0.9])
    if high - low < DECADES:
        return True
    middle = abs(float(np.median(losses)))
    left = _without(others, losses)
    if not np.ptp(left) > 0:
        return False
    chance, outlying = next((p, z) for n, p, z in _LIMITS if count - 2 * beside < n)
    hardly = left.std() <= _HARDLY * middle
    away = np.abs(left - np.median(left))
    usual = 1.4826 * float(np.median(away))
    if left.std() > (_DIFFER_BESIDE if beside else _DIFFER) * middle:
        return True
    if away.max() > outlying * usual and not hardly:
        return True
    ranked = _ranks(left)
    random = np.random.default_rng(0)
    gains = _gains(places, np.stack([ranked, *(random.permutation(ranked) for _ in range(_DEALS))]))
    as_good = (gains >= gains[0] - 1e-12).mean()
    return bool(as_good <= _HARDLY_CHANCE) if hardly else bool(gains[0] >= 0 or as_good <= chance)


def _without(others: Floats, losses: Floats) -> Floats:
    """What is left of the losses (n,) without the linear and square terms of the other parameters (n, k)."""
    terms = np.concatenate([others, others**2], axis=1)
    terms = terms - terms.mean(axis=0)
    scales = terms.std(axis=0)
    terms = terms[:, scales > 0] / scales[scales > 0]
    centred = losses - losses.mean()
    ridge = terms.T @ terms + np.eye(terms.shape[1])
    left: Floats = centred - terms @ np.linalg.solve(ridge, terms.T @ centred)
    return left


def _ranks(values: Floats) -> Floats:
    """Ranks (n,), the same for the same values."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - (counts - 1) / 2.0)[places]
    return found


def _gains(places: Floats, ranked: Floats) -> Floats:
    """By how much the smoother foretells each row of `ranked` (m, n) better than the mean does, leaving one out: the
    share of the squares, of the best width. Shape (m,)."""
    count = ranked.shape[1]
    mean = (ranked.sum(axis=1, keepdims=True) - ranked) / (count - 1)
    squares = ((ranked - mean) ** 2).sum(axis=1)
    best = np.full(len(ranked), -np.inf)
    for width in _WIDTHS:
        weights = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2) + _LEAST_WEIGHT
        np.fill_diagonal(weights, 0.0)
        foretold = ranked @ weights.T / weights.sum(axis=1)
        best = np.maximum(best, 1.0 - ((ranked - foretold) ** 2).sum(axis=1) / squares)
    return best
