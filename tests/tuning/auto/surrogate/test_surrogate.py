"""The maths under the search: the process, forecasts of curves, targets."""

import numpy as np
import pytest

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.acquisition import log_improvement
from lrtune.service.tuning.auto.surrogate.extrapolation import forecast
from lrtune.service.tuning.auto.surrogate.model import normal_scores
from lrtune.service.tuning.auto.surrogate.targets import scale_of


def finished(rates: np.ndarray, curves: np.ndarray) -> Evidence:
    """Trials whose curves (n, K) are whole, or NaN from some checkpoint on."""
    final = curves[:, -1]
    return Evidence(rates[:, None], curves, final, np.zeros(len(rates), dtype=bool))


def curves_of(rates: np.ndarray, early: np.ndarray, late: np.ndarray) -> np.ndarray:
    """Straight lines from the early to the late losses."""
    assert len(rates) == len(early)
    return early[:, None] + (late - early)[:, None] * FRACTIONS


def test_the_gradient_of_the_fit_is_that_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    x, y, noise = rng.random((12, 3)), rng.normal(size=12), rng.random(12) * 0.1
    prior, sd = np.array([0.1, 0.1, 0.1, -6.0]), np.array([1.0, 1.0, 1.0, 1.5])
    squares = ((x[:, None, :] - x[None, :, :]) ** 2).reshape(-1, 3)
    theta = np.array([-0.3, 0.2, 0.4, -4.0])
    _, gradient = gp._objective(theta, squares, y, noise, prior, sd)
    for index in range(4):
        step = np.eye(4)[index] * 1e-5
        above, _ = gp._objective(theta + step, squares, y, noise, prior, sd)
        below, _ = gp._objective(theta - step, squares, y, noise, prior, sd)
        assert gradient[index] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_process_passes_through_exact_points_and_is_unsure_between_them() -> None:
    x = np.linspace(0, 1, 9)[:, None]
    y = np.sin(6 * x[:, 0])
    process = gp.fit(x, y, np.zeros(9))
    mean, sd = process.predict(x)
    assert np.abs(mean - y).max() < 0.05
    between, wider = process.predict(x[:-1] + 1 / 16)
    assert np.abs(between - np.sin(6 * (x[:-1, 0] + 1 / 16))).max() < 0.1
    assert (wider > 1.2 * sd[:-1]).all()
    _, outside = process.predict(np.array([[1.5]]))
    assert outside[0] > 5 * sd.max()


def test_a_noisy_point_is_believed_less() -> None:
    x = np.linspace(0, 1, 7)[:, None]
    y = np.array([0.0, 0.1, 0.0, 2.0, 0.0, -0.1, 0.0])
    exact, _ = gp.fit(x, y, np.zeros(7)).predict(x[3:4])
    noisy, _ = gp.fit(x, y, np.where(np.arange(7) == 3, 4.0, 0.0)).predict(x[3:4])
    assert noisy[0] < 0.5 * exact[0]


def test_log_improvement_is_exact_near_and_finite_far() -> None:
    mean, sd = np.array([0.3, 1.0]), np.array([0.5, 0.5])
    drawn = np.random.default_rng(1).normal(size=400_000)
    for place in range(2):
        sampled = np.maximum(-(mean[place] + sd[place] * drawn), 0).mean()
        assert np.exp(log_improvement(mean, sd, 0.0))[place] == pytest.approx(sampled, rel=0.03)
    far = log_improvement(np.array([10.0, 30.0, 60.0]), np.ones(3), 0.0)
    assert np.isfinite(far).all()
    assert (np.diff(far) < 0).all()


def test_the_forecast_follows_early_losses_where_they_held_and_not_where_they_misled() -> None:
    rates = np.linspace(0.05, 0.95, 9)
    ends = (rates - 0.4) ** 2 + 0.1
    held = finished(rates, curves_of(rates, ends + 0.5, ends))
    misled = finished(rates, curves_of(rates, 1.5 - ends, ends))
    errors = []
    for evidence in (held, misled):
        paused = evidence.curves.copy()
        paused[4, 3:] = np.nan
        final = np.where(np.arange(9) == 4, np.nan, evidence.final)
        seen = Evidence(evidence.cube, paused, final, evidence.diverged)
        scale = scale_of(seen)
        assert scale is not None
        found = forecast(seen, scale, np.array([4]), 0)
        errors.append(float(np.sqrt(found.variance[0])))
        assert abs(found.mean[0] - scale(ends[4:5])[0]) < 3 * errors[-1]
    assert errors[0] < errors[1]


def test_a_forecast_far_from_all_finished_rates_is_unsure() -> None:
    rates = np.array([0.1, 0.15, 0.2, 0.25, 0.24, 0.95])
    ends = np.array([0.5, 0.45, 0.4, 0.35, 0.36, 0.3])
    curves = curves_of(rates, ends + 0.5 * rates, ends)
    curves[4:, 3:] = np.nan
    seen = Evidence(rates[:, None], curves, np.array([*ends[:4], np.nan, np.nan]), np.zeros(6, dtype=bool))
    scale = scale_of(seen)
    assert scale is not None
    near, far = forecast(seen, scale, np.array([4, 5]), 0).variance
    assert far > 3 * near


def test_ranks_become_normal_scores_in_their_order() -> None:
    scores, noise = normal_scores(np.array([3.0, 1e6, 2.0, 1.0]), np.array([0.0, 0.0, 0.25, 0.0]))
    assert list(np.argsort(scores)) == [3, 2, 0, 1]
    assert scores.sum() == pytest.approx(0.0, abs=1e-9)
    assert noise[2] > 0 == noise[0]
