"""The curve that the picture of the response shows, on responses that are known."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial, create_trial

from lrtune.service.tuning.suggesting.posterior.loss_curve import LossCurve, loss_curve
from lrtune.service.tuning.suggesting.posterior.posterior import posterior

LOW, HIGH = 1e-5, 1.0
SPACE: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(LOW, HIGH, log=True)}


def complete(rate: float, loss: float) -> FrozenTrial:
    return create_trial(params={"learning_rate": rate}, distributions=SPACE, value=loss)


def draw(count: int, seed: int) -> tuple[list[float], list[float]]:
    """Rates, and losses with a valley at 1e-2 and noise that grows above it."""
    draws = np.random.default_rng(seed)
    x = draws.uniform(-5, 0, count)
    sd = 0.01 + 0.1 * np.maximum(x + 2, 0)
    losses = 0.3 + 0.05 * (x + 2) ** 2 + sd * draws.normal(size=count)
    return (10**x).tolist(), losses.tolist()


def fitted(rates: Sequence[float], losses: Sequence[float], *, maximizes: bool = False) -> LossCurve:
    trials = [complete(rate, loss) for rate, loss in zip(rates, losses, strict=True)]
    found = loss_curve(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate", maximizes=maximizes)
    assert found is not None
    return found


def at(fit: LossCurve, rates: Sequence[float], row: Sequence[float]) -> np.ndarray:
    return np.interp(np.log10(rates), np.log10(fit.learning_rates), row)


def test_nine_of_ten_new_runs_end_in_the_band() -> None:
    inside: list[bool] = []
    for seed in range(6):
        fit = fitted(*draw(40, seed))
        rates, losses = draw(40, 1000 + seed)
        low, high = at(fit, rates, fit.low), at(fit, rates, fit.high)
        inside += ((low <= losses) & (losses <= high)).tolist()
    assert 0.82 < float(np.mean(inside)) < 0.98


def test_the_noise_is_told_where_it_is() -> None:
    fit = fitted(*draw(200, 0))
    noise = dict(zip(fit.learning_rates, fit.noise, strict=True))
    assert max(sd for rate, sd in noise.items() if rate < 1e-3) < 0.03
    assert min(sd for rate, sd in noise.items() if rate > 0.3) > 0.06


def test_the_band_widens_where_nothing_was_trained() -> None:
    fit = fitted([1e-3, 2e-3, 3e-3, 4e-3], [0.5, 0.4, 0.45, 0.5])
    width = at(fit, [1e-5, 3e-3, 1.0], np.subtract(fit.high, fit.low))
    assert width[1] < width[0]
    assert width[1] < width[2]


@pytest.mark.parametrize("seed", range(4))
def test_the_mean_leaves_no_run_by_more_than_its_band_and_passes_neither_below_nor_above_all(seed: int) -> None:
    """A valley with a cliff: nothing is measured near the bounds, where a process returns to its middle."""
    source = np.random.default_rng(seed)
    rates = 10 ** source.uniform(-4, -1, 8)
    losses = np.where(rates > 0.03, 2.3, 0.2 + 0.3 * np.log10(0.03 / rates))
    fit = fitted(rates.tolist(), losses.tolist())
    assert losses.min() - 1e-9 <= min(fit.mean) <= max(fit.mean) <= losses.max() + 1e-9
    assert (at(fit, rates.tolist(), fit.low) <= losses + 1e-9).all()
    assert (at(fit, rates.tolist(), fit.high) >= losses - 1e-9).all()


def test_the_mean_does_not_drop_at_the_edge_of_the_range() -> None:
    """Nor does a second valley stand between a wall that was measured and the bound."""
    rates = [1e-4, 1e-3, 5e-3, 8e-3, 1e-2, 1.2e-2, 0.1]
    fit = fitted(rates, [2.1, 1.5, 0.4, 0.22, 0.2, 0.21, 2.2])
    assert all(later >= earlier - 1e-9 for earlier, later in zip(fit.mean[100:], fit.mean[101:], strict=False))
    assert all(later <= earlier + 1e-9 for earlier, later in zip(fit.mean[:30], fit.mean[1:31], strict=False))


def test_mean_and_suggestion_agree() -> None:
    rates, losses = draw(20, 2)
    trials = [complete(rate, loss) for rate, loss in zip(rates, losses, strict=True)]
    found = posterior(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate")
    assert found is not None
    fit = fitted(rates, losses)
    assert at(fit, [found.learning_rate], fit.mean)[0] == pytest.approx(found.expected_loss, rel=0.02)


def test_a_maximised_metric_is_shown_as_it_is() -> None:
    rates, losses = draw(30, 3)
    fit, turned = fitted(rates, losses), fitted(rates, [-loss for loss in losses], maximizes=True)
    assert turned.mean == pytest.approx([-value for value in fit.mean])
    assert turned.low == pytest.approx([-value for value in fit.high])


@pytest.mark.parametrize("level", [0.0, -10.0, 1e6])
def test_losses_of_any_level_are_fitted(level: float) -> None:
    rates, losses = draw(60, 1)
    fit = fitted(rates, [loss + level for loss in losses])
    lowest = min(range(len(fit.mean)), key=fit.mean.__getitem__)
    assert 2e-3 < fit.learning_rates[lowest] < 5e-2


@pytest.mark.parametrize("losses", [[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [1e99, -1e99, 0.0], [1e-300, 1e300, 1.0]])
@pytest.mark.parametrize("rates", [[1e-3, 1e-2, 1e-1], [1e-2, 1e-2, 1e-2], [1e-5, 1e-2, 1.0]])
def test_degenerate_runs_give_a_finite_fit_or_none(rates: list[float], losses: list[float]) -> None:
    trials = [complete(rate, loss) for rate, loss in zip(rates, losses, strict=True)]
    fit = loss_curve(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate")
    if fit is None:
        assert max(losses) > 1e150  # Such trials are left out.
        return
    for row in (fit.mean, fit.low, fit.high, fit.noise):
        assert all(math.isfinite(value) for value in row)
    assert all(low <= mean <= high for low, mean, high in zip(fit.low, fit.mean, fit.high, strict=True))


def test_a_rate_that_is_searched_on_a_linear_scale_has_a_curve_too() -> None:
    space: dict[str, BaseDistribution] = {"learning_rate": FloatDistribution(LOW, HIGH)}
    rates, losses = draw(12, 4)
    trials = [
        create_trial(params={"learning_rate": rate}, distributions=space, value=loss)
        for rate, loss in zip(rates, losses, strict=True)
    ]
    fit = loss_curve(trials, space, {"learning_rate": 1e-3}, "learning_rate")
    assert fit is not None
    assert fit.learning_rates[0] == pytest.approx(LOW)


def test_fewer_than_three_runs_give_none() -> None:
    trials = [complete(1e-3, 0.5), complete(1e-2, 0.4)]
    assert loss_curve(trials, SPACE, {"learning_rate": 1e-3}, "learning_rate") is None


@pytest.mark.parametrize("maximizes", [False, True])
def test_the_picture_of_losses_above_nought_is_above_nought(maximizes: bool) -> None:
    rates = [float(rate) for rate in np.geomspace(LOW, HIGH, 10)]
    losses = [2.3 - 2.29 * math.exp(-(math.log10(rate / 1e-2) ** 2)) for rate in rates]
    fit = fitted(rates, losses, maximizes=maximizes)
    assert min(fit.low) > 0
