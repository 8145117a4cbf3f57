"""The first points: spread, not random (Bergstra 2012 on random, Bousquet 2017, arXiv:1706.03200, on quasi-random)."""

import numpy as np
import scipy  # Its stats, half a second to import, is loaded when first used.

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.space import Space

FEW = (0.5, 0.75, 0.25, 0.97)
"""Quantiles of the first trainings where the rate is all there is; the last is near the upper bound, since whether
the largest rates train, and how well, is what the others say least about."""

MANY = (0.5, 0.75, 0.25, 0.625, 0.375, 0.875, 0.125, 0.6875, 0.4375, 0.5625, 0.8125, 0.3125)
"""Quantiles of the rate in the first trainings where there is more."""

_JITTER_FEW, _JITTER_MANY = 0.05, 0.06
_SOBOL_COLUMNS = 64
_GOLDEN = (5**0.5 - 1) / 2


def spread_count(columns: int) -> int:
    """How many of the first trainings are spread."""
    return len(FEW) if columns == 1 else len(MANY)


def first_point(number: int, space: Space, seed: int, quantiles: Floats | None = None) -> Floats:
    """The `number`-th point (from 0), shape (columns,).

    Scrambled Sobol (Owen 1998), with the rate's column replaced by spread quantiles: of the prior where `quantiles`
    gives one, as its inverse distribution function at an even grid, in the unit interval.
    """
    point = np.array([0.5]) if space.columns == 1 else _sobol(number, space.columns, seed)
    if space.columns == 1 or space.rate_index is not None:
        share = rate_share(number, space.columns, seed)
        point[space.rate_index or 0] = share if quantiles is None else prior_quantile(quantiles, share)
    snapped: Floats = space.snap(point[None, :])[0]
    return snapped


def crowd_point(number: int, space: Space, seed: int, quantiles: Floats | None = None) -> Floats:
    """The same for the `number`-th of a crowd, hundreds that begin before anything is known: the rates of any number of
    them in a row are spread evenly (Kronecker's sequence by the golden ratio), the rest is uniform."""
    point = np.random.default_rng([seed, number]).random(space.columns)
    if space.columns == 1 or space.rate_index is not None:
        share = (float(np.random.default_rng([seed, 3]).random()) + number * _GOLDEN) % 1.0
        point[space.rate_index or 0] = share if quantiles is None else prior_quantile(quantiles, share)
    snapped: Floats = space.snap(point[None, :])[0]
    return snapped


def rate_share(number: int, columns: int, seed: int) -> float:
    """Which quantile of the rate the `number`-th training takes."""
    table, jitter = (FEW, _JITTER_FEW) if columns == 1 else (MANY, _JITTER_MANY)
    place, wave = number % len(table), number // len(table)
    moved = np.random.default_rng([seed, 7, wave]).uniform(-jitter, jitter, len(table))[place]
    return float(np.clip(table[place] + moved, 0.005, 0.995))


def probe_share(number: int, probes: int, seed: int) -> float:
    """The quantile of the `number`-th of so many short probes, one in each of as many equal parts."""
    moved = np.random.default_rng([seed, 5, number]).uniform(-0.3, 0.3)
    return float((number + 0.5 + moved) / probes)


def prior_quantile(quantiles: Floats, share: float) -> float:
    """The prior's quantile, in the unit interval."""
    return float(np.clip(np.interp(share, np.linspace(0, 1, len(quantiles)), quantiles), 0.0, 1.0))


def _sobol(number: int, columns: int, seed: int) -> Floats:
    engine = scipy.stats.qmc.Sobol(min(columns, _SOBOL_COLUMNS), scramble=True, rng=np.random.default_rng([seed, 11]))
    if number:
        engine.fast_forward(number)
    point: Floats = engine.random(1)[0]
    if columns > _SOBOL_COLUMNS:
        rest = np.random.default_rng([seed, 13, number]).random(columns - _SOBOL_COLUMNS)
        return np.concatenate([point, rest])
    return point
