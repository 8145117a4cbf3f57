"""The response curve, on responses that are known."""

import math

import numpy as np
import pytest

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.response import fit_response

GRID = [10 ** (-5 + 0.125 * k) for k in range(41)]


def draw(count: int, seed: int) -> tuple[list[float], list[float]]:
    """Rates, and losses with a valley at 1e-2 and noise that grows above it."""
    draws = np.random.default_rng(seed)
    x = draws.uniform(-5, 0, count)
    sd = 0.01 + 0.1 * np.maximum(x + 2, 0)
    losses = 0.3 + 0.05 * (x + 2) ** 2 + sd * draws.normal(size=count)
    return (10**x).tolist(), losses.tolist()


def test_nine_of_ten_new_runs_end_in_the_band() -> None:
    inside = []
    for seed in range(10):
        fit = fit_response(*draw(40, seed), grid=GRID)
        assert fit is not None
        rates, losses = draw(40, 1000 + seed)
        low, high = (np.interp(np.log10(rates), np.log10(GRID), side) for side in (fit.low, fit.high))
        inside += ((low <= losses) & (losses <= high)).tolist()
    assert 0.82 < float(np.mean(inside)) < 0.98


def test_the_noise_is_told_where_it_is() -> None:
    fit = fit_response(*draw(200, 0), grid=GRID)
    assert fit is not None
    noise = dict(zip(fit.learning_rates, fit.noise, strict=True))
    assert max(sd for rate, sd in noise.items() if rate < 1e-3) < 0.03
    assert min(sd for rate, sd in noise.items() if rate > 0.3) > 0.06


def test_the_band_widens_where_nothing_was_trained() -> None:
    rates = [1e-3, 2e-3, 3e-3, 4e-3]
    fit = fit_response(rates, [0.5, 0.4, 0.45, 0.5], grid=[1e-5, 3e-3, 1.0])
    assert fit is not None
    width = [high - low for low, high in zip(fit.low, fit.high, strict=True)]
    assert width[1] < width[0]
    assert width[1] < width[2]


@pytest.mark.parametrize("level", [0.0, -10.0, 1e6])
def test_losses_of_any_level_are_fitted(level: float) -> None:
    rates, losses = draw(60, 1)
    fit = fit_response(rates, [loss + level for loss in losses], grid=GRID)
    assert fit is not None
    lowest = GRID[min(range(len(GRID)), key=fit.mean.__getitem__)]
    assert 2e-3 < lowest < 5e-2


@pytest.mark.parametrize("losses", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [1e99, -1e99, 0.0], [1e-300, 1e300, 1.0]])
@pytest.mark.parametrize("rates", [[1e-3, 1e-2, 1e-1], [1e-2, 1e-2, 1e-2], [1e-300, 1.0, 1e300]])
def test_degenerate_runs_give_a_finite_fit(rates: list[float], losses: list[float]) -> None:
    fit = fit_response(rates, losses, grid=GRID)
    assert fit is not None
    for row in (fit.mean, fit.low, fit.high, fit.noise):
        assert all(math.isfinite(value) for value in row)
    assert all(low <= mean <= high for low, mean, high in zip(fit.low, fit.mean, fit.high, strict=True))


def test_fewer_than_three_runs_give_none() -> None:
    assert fit_response([1e-3, 1e-2], [0.5, 0.4], grid=GRID) is None


@pytest.mark.parametrize(
    ("rates", "losses", "grid", "field"),
    [
        ([1e-3, 0.0, 1e-2], [1.0] * 3, GRID, "learning_rates[1]"),
        ([1e-3, math.nan, 1e-2], [1.0] * 3, GRID, "learning_rates[1]"),
        ([1e-3] * 3, [1.0, math.inf, 1.0], GRID, "losses[1]"),
        ([1e-3] * 3, [1.0], GRID, "losses"),
        ([1e-3] * 3, [1.0] * 3, [-1.0], "grid[0]"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    rates: list[float], losses: list[float], grid: list[float], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        fit_response(rates, losses, grid=grid)
    assert refused.value.field == field
