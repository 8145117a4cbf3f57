"""The response of the loss to the learning rate: a mean and a band over the log of the rate.

A Gaussian process (Rasmussen and Williams 2006, chapter 2) over log10 rate, whose noise differs from rate to rate: it
is estimated by how far each run lies from the line between its neighbours (Gasser et al. 1986), smoothed over a third
of a decade.
Losses are fitted on a log scale where all are > 0, else on an inverse hyperbolic sine, so a few huge ones do not rule.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrtune.service.rates.checks import Refused, positive

Floats = NDArray[np.float64]

FEWEST = 3
"""With fewer runs there is no fit."""

BAND = 0.9

_MOST_CENTRES = 80
_NOISE_WIDTH_DECADES = 0.35
_NOISE_PRIOR_RUNS = 3.0
_LENGTHS_DECADES = (0.3, 0.6, 1.2, 2.4)
_AMPLITUDES = (0.3, 1.0, 3.0, 10.0)
_LEAST_NOISE = 1e-3
"""Of the spread of the losses, as a standard deviation: no two runs agree better for certain."""


@dataclass(frozen=True)
class Response:
    """The fit on a grid of rates; all of one length."""

    learning_rates: tuple[float, ...]
    mean: tuple[float, ...]
    """The middle of what a run at that rate ends at."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Between low and high nine of ten new runs end, if the fit is right: noise and ignorance together."""
    noise: tuple[float, ...]
    """The standard deviation of runs at that rate, in the units of the loss near the mean."""


def fit_response(learning_rates: Sequence[float], losses: Sequence[float], *, grid: Sequence[float]) -> Response | None:
    """Fit the final losses of runs at `learning_rates`, shape [n] each, and read the fit at `grid`.

    Losses are finite; of what diverged there is nothing to fit. None with fewer than `FEWEST` runs. Raises Refused.
    """
    rates = [positive(f"learning_rates[{index}]", rate) for index, rate in enumerate(learning_rates)]
    if len(losses) != len(rates):
        raise Refused("losses", f"must be one for each rate: {len(losses)} losses, {len(rates)} rates")
    for index, loss in enumerate(losses):
        if not math.isfinite(loss):
            raise Refused(f"losses[{index}]", f"must be finite, not {loss}; leave out what diverged")
    at = np.log10([positive(f"grid[{index}]", rate) for index, rate in enumerate(grid)])
    if len(rates) < FEWEST:
        return None
    order = np.argsort(rates, kind="stable")
    x = np.log10(np.array(rates)[order])
    scale = _Scale(np.array(losses, dtype=float))
    y = scale.to(np.array(losses, dtype=float)[order])
    variance_at = _NoiseModel(x, y)
    centres, means, counts = _centres(x, y)
    mean, deviation = _process(centres, means, variance_at(centres) / counts, at)
    noise_variance = variance_at(at)
    reach = _band_sds(len(rates)) * np.sqrt(deviation**2 + noise_variance)
    noise_sd = np.sqrt(noise_variance)
    spread = (scale.back(mean + noise_sd) - scale.back(mean - noise_sd)) / 2
    rows = (np.array(grid, dtype=float), scale.back(mean), scale.back(mean - reach), scale.back(mean + reach), spread)
    return Response(*(tuple(np.clip(row, -1e300, 1e300).tolist()) for row in rows))


def _band_sds(count: int) -> float:
    """Standard deviations to each side for nine in ten: about Student's quantile, as the noise is estimated too."""
    return 1.645 * (1.0 + 1.5 / max(count - 2, 1))


class _Scale:
    """Losses to the scale they are fitted on, and back; both monotone."""

    def __init__(self, losses: Floats) -> None:
        self._log = bool((losses > 0).all())
        self._middle = float(np.median(losses))
        quarter, three = np.percentile(losses, [25, 75])
        self._unit = float(three - quarter) or float(np.ptp(losses)) or 1.0

    def to(self, losses: Floats) -> Floats:
        scaled: Floats = np.log(losses) if self._log else np.arcsinh((losses - self._middle) / self._unit)
        return scaled

    def back(self, scaled: Floats) -> Floats:
        bounded = np.clip(scaled, -690.0, 690.0)
        losses: Floats = np.exp(bounded) if self._log else self._middle + self._unit * np.sinh(bounded)
        return losses


class _NoiseModel:
    """The variance of runs at a rate, from `x` (rising) and `y`, shape [n] each."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self._x, self._squares = _pseudo_residuals(x, y)
        least = (_LEAST_NOISE * (float(np.ptp(y)) or 1.0)) ** 2
        # The median of a chi-squared variable of one degree of freedom is 0.455.
        self._usual = max(float(np.median(self._squares)) / 0.455, least)
        self._least = least

    def __call__(self, at: Floats) -> Floats:
        weights = np.exp(-0.5 * ((at[:, None] - self._x) / _NOISE_WIDTH_DECADES) ** 2)
        summed = weights @ self._squares + _NOISE_PRIOR_RUNS * self._usual
        variance: Floats = np.maximum(summed / (weights.sum(axis=1) + _NOISE_PRIOR_RUNS), self._least)
        return variance


def _pseudo_residuals(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Squared distances from the line between the neighbours, scaled to have the noise's variance."""
    gap = x[2:] - x[:-2]
    right = np.where(gap > 0, (x[1:-1] - x[:-2]) / np.where(gap > 0, gap, 1.0), 0.5)
    distance = y[1:-1] - (1 - right) * y[:-2] - right * y[2:]
    return x[1:-1], distance**2 / (1 + right**2 + (1 - right) ** 2)


def _centres(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Runs at nearly one rate as one: their rates' and values' means, and how many they are."""
    width = max(float(np.ptp(x)) / _MOST_CENTRES, 1e-6)
    _, place = np.unique(np.floor((x - x[0]) / width), return_inverse=True)
    counts = np.bincount(place).astype(float)
    return np.bincount(place, x) / counts, np.bincount(place, y) / counts, counts


def _process(x: Floats, y: Floats, noise: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation at `at`, of the length and amplitude under which the data are likeliest."""
    level = float(np.average(y, weights=1.0 / noise))
    spread = max(float(np.average((y - level) ** 2, weights=1.0 / noise)), float(noise.min()))
    trend_x, trend_at = _trend(x, x), _trend(at, x)
    best: tuple[float, Floats, Floats] | None = None
    for length in _LENGTHS_DECADES:
        shape = _matern(x[:, None] - x, length) + trend_x @ trend_x.T
        across = _matern(at[:, None] - x, length) + trend_at @ trend_x.T
        alone = 1.0 + (trend_at**2).sum(axis=1)
        for amplitude in _AMPLITUDES:
            scale = amplitude * spread
            factor = np.linalg.cholesky(scale * shape + np.diag(noise))
            half = np.linalg.solve(factor, y - level)
            likelihood = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
            if best is None or likelihood > best[0]:
                reach = np.linalg.solve(factor, scale * across.T)
                variance = scale * alone - (reach**2).sum(axis=0)
                best = (likelihood, level + reach.T @ half, np.sqrt(np.maximum(variance, 0.0)))
    assert best is not None
    return best[1], best[2]


def _trend(at: Floats, x: Floats) -> Floats:
    """Features of a parabola, shape [n, 2]: past the data the fit goes on as one, not back to the middle."""
    place = (at - x.mean()) / max(float(np.ptp(x)) / 2, 0.5)
    return np.stack([place, place**2], axis=1)


def _matern(distance: Floats, length: float) -> Floats:
    """The Matérn kernel of smoothness 5/2."""
    scaled = math.sqrt(5.0) * np.abs(distance) / length
    kernel: Floats = (1.0 + scaled + scaled**2 / 3.0) * np.exp(-scaled)
    return kernel
