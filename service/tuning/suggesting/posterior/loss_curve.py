"""The response of the loss to the rate as it is shown: a mean and a band, of the functions that the suggestion is read
from, with the other parameters as suggested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.suggesting.posterior.along import PLACES, Along, read_along

FEWEST = 3
"""With fewer complete trials there is no curve."""

_TAIL = 0.05
"""Of new runs, to each side of the band."""

_NOISE_WIDTH_DECADES = 0.35
_NOISE_PRIOR_RUNS = 1.0
_MOST_BENT = 0.9
_LEAST_NOISE = 0.1
_LARGEST, _LARGEST_LEFT = 1e300, 1e150


@dataclass(frozen=True)
class LossCurve:
    """Over a grid of rates, all of one length; values of the metric, not turned round where it is maximised."""

    learning_rates: tuple[float, ...]
    mean: tuple[float, ...]
    """The middle of what a run at that rate ends at; neither better nor worse than all that was measured."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Between low and high nine of ten new runs end, if the model is right: noise and ignorance together."""
    noise: tuple[float, ...]
    """The standard deviation of runs at that rate, in the units of the metric."""


def loss_curve(
    trials: Sequence[FrozenTrial],
    distributions: Mapping[str, BaseDistribution],
    params: Mapping[str, Any],
    rate_name: str,
    *,
    maximizes: bool = False,
    max_steps: int | None = None,
) -> LossCurve | None:
    """The curve along the rate called `rate_name`, the other parameters as in `params`. None with fewer than `FEWEST`
    complete trials, or where a posterior can make nothing of them."""
    shown = {**distributions, rate_name: _logarithmic(distributions[rate_name])}
    along = read_along(trials, shown, params, rate_name, maximizes=maximizes, max_steps=max_steps)
    if along is None or along.evidence.finished.sum() < FEWEST:
        return None
    noise, noise_of_losses = _noises(along)
    # About Student's quantile for nine in ten, as the noise is estimated too.
    reach = 1.645 * (1 + 1.5 / max(len(along.known) - 2, 1)) * noise
    lower = np.hypot(along.mean - np.quantile(along.drawn, _TAIL, axis=1), reach)
    upper = np.hypot(np.quantile(along.drawn, 1 - _TAIL, axis=1) - along.mean, reach)
    mean = np.clip(along.mean, along.shown.min(), along.shown.max())
    low, high = mean - lower, mean + upper
    rows = [along.scale.losses(row) for row in (mean, low, high)]
    if maximizes:
        rows = [-rows[0], -rows[2], -rows[1]]
    rates = tuple(along.rate(float(place)) for place in PLACES)
    return LossCurve(rates, *(tuple(np.clip(row, -_LARGEST, _LARGEST).tolist()) for row in (*rows, noise_of_losses)))


def _logarithmic(distribution: BaseDistribution) -> BaseDistribution:
    """The rate's distribution on a log scale, on which it is shown however it was searched."""
    if isinstance(distribution, FloatDistribution | IntDistribution) and not distribution.log and distribution.low > 0:
        return FloatDistribution(float(distribution.low), float(distribution.high), log=True)
    return distribution


def _noises(along: Along) -> tuple[Floats, Floats]:
    """The standard deviation of runs at each of `PLACES`, on the process's scale and as losses: each (n,).

    By how far each trial lies from the process, counted with others of the same rate. A process bends to the trials,
    and they lie nearer to it than to the truth.
    """
    cube = along.evidence.cube[along.known]
    expected, unknown = along.process.predict(cube)
    bent = np.minimum((unknown / along.noise) ** 2, _MOST_BENT) if len(along.process.x) >= len(cube) else 0.0
    away = along.shown - expected
    least = _LEAST_NOISE * along.noise
    on_scale = _smoothed(along, along.tried, away**2 / (1 - bent), least)
    losses = np.clip(along.scale.losses(along.shown), -_LARGEST_LEFT, _LARGEST_LEFT)
    if along.alone and len(losses) > 2:
        return on_scale, _smoothed(along, *_from_neighbours(along.tried, losses), 0.0)
    left = losses - np.clip(along.scale.losses(expected), -_LARGEST_LEFT, _LARGEST_LEFT)
    return on_scale, _smoothed(along, along.tried, left**2, 0.0)


def _from_neighbours(places: Floats, losses: Floats) -> tuple[Floats, Floats]:
    """Squared distances of `losses` (m,) from the line between their neighbours, scaled to have the noise's variance,
    and where: each (m − 2,) (Gasser, Sroka and Jennen-Steinmetz 1986, Biometrika 73)."""
    order = np.argsort(places, kind="stable")
    x, y = places[order], losses[order]
    gap = x[2:] - x[:-2]
    right = np.where(gap > 0, (x[1:-1] - x[:-2]) / np.where(gap > 0, gap, 1.0), 0.5)
    distance = y[1:-1] - (1 - right) * y[:-2] - right * y[2:]
    return x[1:-1], distance**2 / (1 + right**2 + (1 - right) ** 2)


def _smoothed(along: Along, at: Floats, squares: Floats, least: float) -> Floats:
    """The root of what the `squares` (m,), `at` places (m,), are on average around each of `PLACES`, (n,)."""
    # The median of a chi-squared variable of one degree of freedom is 0.455.
    usual = max(float(np.median(squares)) / 0.455, least**2)
    near = np.exp(-0.5 * ((PLACES[:, None] - at) * along.decades / _NOISE_WIDTH_DECADES) ** 2)
    variance = (near @ squares + _NOISE_PRIOR_RUNS * usual) / (near.sum(axis=1) + _NOISE_PRIOR_RUNS)
    found: Floats = np.sqrt(variance)
    return found
