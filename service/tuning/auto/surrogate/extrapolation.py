"""Where an unfinished curve will end, learned from the study's own finished curves.

At each checkpoint the drop g(checkpoint) − g(end) of the finished runs is a Gaussian process: a constant, a slope in
g, and a smooth function of the learning rate (co-kriging: Kennedy and O'Hagan 2000). Where early losses mislead (under
annealing they look bad at the best rates), the drop varies with the rate, and far from finished rates the forecast
is unsure: that is how far early ranks are trusted here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, Ints
from lrtune.service.tuning.auto.surrogate.targets import Scale

LATEST = 60
_CONSTANT, _SLOPE = 0.5, 0.3
_LENGTH = 0.3
_NOISES = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Of the smooth part's variance."""
_PRIOR_RUNS = 4.0
_PRIOR_VARIANCE = {True: 0.4, False: 0.03}
"""Of the drop, before any run has finished, where the rate is all there is and where it is not: early ranks mislead
mostly along the rate."""
_SQRT5 = float(np.sqrt(5.0))


@dataclass(frozen=True)
class Forecast:
    """g at the end of each trial, and its variance: each (m,)."""

    mean: Floats
    variance: Floats


def forecast(evidence: Evidence, scale: Scale, trials: Ints, rate_index: int | None) -> Forecast:
    """Forecast the unfinished `trials` (m,) of the evidence."""
    mean, variance = np.zeros(len(trials)), np.zeros(len(trials))
    reached = evidence.reached[trials]
    finished = np.flatnonzero(evidence.finished & (evidence.reached >= 0))[-LATEST:]
    rates = evidence.cube[:, rate_index] if rate_index is not None else np.full(len(evidence.final), 0.5)
    ends = scale(evidence.final)
    for checkpoint in np.unique(reached):
        here = np.flatnonzero(reached == checkpoint)
        told = finished[np.isfinite(evidence.curves[finished, checkpoint])]
        level = scale(evidence.curves[:, checkpoint]) - scale.centre
        drop, spread = _drops(
            (level[told], rates[told], level[told] + scale.centre - ends[told]),
            (level[trials[here]], rates[trials[here]]),
            _PRIOR_VARIANCE[evidence.cube.shape[1] == 1] * (1.0 - float(FRACTIONS[checkpoint])) + 1e-4,
        )
        mean[here] = level[trials[here]] + scale.centre - np.maximum(drop, 0.0)
        variance[here] = spread
    return Forecast(mean, variance)


def _drops(told: tuple[Floats, Floats, Floats], asked: tuple[Floats, Floats], prior: float) -> tuple[Floats, Floats]:
    """Mean and variance of the drop of runs `asked` (level, rate), from runs `told` (level, rate, drop)."""
    level, rate, drop = told
    own = _CONSTANT + _SLOPE * asked[0] ** 2 + 1.0
    if not len(drop):
        return np.zeros(len(own)), prior * (own + 0.3)
    shared = _kernel(level, rate, level, rate)
    cross = _kernel(level, rate, *asked)
    best: tuple[float, Floats, Floats] | None = None
    n = len(drop)
    for noise in _NOISES:
        factor = cholesky(shared + noise * np.eye(n), lower=True, check_finite=False)
        weights = cho_solve((factor, True), drop, check_finite=False)
        amplitude = (drop @ weights + _PRIOR_RUNS * prior) / (n + _PRIOR_RUNS)
        loss = (
            0.5 * (n + _PRIOR_RUNS) * np.log(amplitude)
            + np.log(np.diag(factor)).sum()
            + 0.5 * np.log(noise / 0.3) ** 2 / 4
        )
        if best is None or loss < best[0]:
            half = solve_triangular(factor, cross, lower=True, check_finite=False)
            spread = amplitude * (np.maximum(own - (half**2).sum(axis=0), 0.0) + noise)
            best = (float(loss), weights @ cross, spread)
    assert best is not None
    return best[1], best[2]


def _kernel(level: Floats, rate: Floats, other_level: Floats, other_rate: Floats) -> Floats:
    r = np.abs(rate[:, None] - other_rate) / _LENGTH
    smooth = (1 + _SQRT5 * r + (5 / 3) * r**2) * np.exp(-_SQRT5 * r)
    k: Floats = _CONSTANT + _SLOPE * level[:, None] * other_level + smooth
    return k
