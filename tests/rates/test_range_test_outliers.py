"""Isolated outliers in a range test: told from a divergence, and without a say in the answer."""

import math
import random
from collections.abc import Sequence

import pytest

from lrtune.service.rates.range_test.analysis import RangeTestAnalysis, analyse, combine
from lrtune.service.rates.range_test.running_median import RunningMedian, half_window
from lrtune.service.rates.range_test.stop_rule import StopRule

RATES = [10 ** (-7 + 8 * step / 99) for step in range(100)]
"""1e-7 to 10."""


def falling(step: int, *, noise: float = 0.02) -> float:
    """Flat to 1e-5, then falls to 1e-1, then diverges."""
    x = math.log10(RATES[step])
    loss = 2.3 if x < -5 else 2.3 - 1.8 * (x + 5) / 4 if x < -1 else 0.5 + 12 * (x + 1) ** 2
    return loss + noise * math.sin(7 * step)


def late(step: int, *, noise: float = 0.02) -> float:
    """Flat to 1e-2, then falls to the end."""
    return 2.3 - 0.5 * max(0.0, math.log10(RATES[step]) + 2) + noise * random.Random(step).gauss(0, 1)


def told(curve: Sequence[float]) -> RangeTestAnalysis:
    found = analyse(RATES[: len(curve)], curve)
    for rate in (found.recommended, *(found.bounds or ()), *found.suggestions.values()):
        assert rate is None or RATES[0] <= rate <= RATES[-1], "never outside of what was tried"
    return found


def decades(found: RangeTestAnalysis, other: RangeTestAnalysis) -> float:
    assert other.recommended is not None
    return abs(math.log10(found.recommended / other.recommended)) if found.recommended else math.inf


@pytest.mark.parametrize("by", [-10.0, -1.0, 1.0, 2.3, 10.0, 1e6])
@pytest.mark.parametrize("shape", [falling, late])
def test_one_outlier_wherever_it_is_moves_the_answer_little(shape: type[falling], by: float) -> None:
    curve = [shape(step) for step in range(100)]
    clean = told(curve)
    for at in range(len(clean.smoothed) - 10):
        spiked = told([loss + by * (step == at) for step, loss in enumerate(curve)])
        assert decades(spiked, clean) < 0.35, f"a loss {by:+g} at step {at}: {spiked.recommended}, {spiked.reason}"


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
@pytest.mark.parametrize(
    "places", [(0,), (0, 1), (3, 8), (1, 2, 3), (5, 15, 25, 35, 45, 55), (20, 22, 24), (40, 41, 42)]
)
def test_several_outliers_move_the_answer_little(places: Sequence[int], noise: float) -> None:
    curve = [falling(step, noise=noise) for step in range(100)]
    for by in (-5.0, 3.0, 50.0):
        assert decades(told([loss + by * (step in places) for step, loss in enumerate(curve)]), told(curve)) < 0.35


def test_outliers_of_both_signs_in_a_twelfth_of_the_losses_move_the_answer_little() -> None:
    curve = [falling(step) for step in range(100)]
    far = 0
    for seed in range(50):
        draws = random.Random(seed)
        spiked = list(curve)
        for at in draws.sample(range(70), 6):
            spiked[at] += draws.choice((-1, 1, 1, 1)) * draws.uniform(1, 20)
        far += decades(told(spiked), told(curve)) > 0.5
    assert far <= 1


def test_a_test_does_not_end_at_an_outlier_but_soon_after_a_divergence() -> None:
    rule = StopRule()
    losses = [2.3 + 0.02 * math.sin(7 * step) + 50 * (step in (3, 40)) for step in range(60)]
    assert not any(rule.update(loss) for loss in losses)
    after = next(step for step in range(40) if rule.update(2.3 * 1.5 ** (step + 1)))
    assert after <= 8
    assert rule.stopped_at is not None
    assert 60 <= rule.stopped_at <= 60 + after


def test_where_it_diverged_is_told_to_the_step_also_when_the_test_went_on() -> None:
    curve = [2.3 - 0.01 * step + 0.02 * math.sin(7 * step) for step in range(60)] + [400.0] * 20
    found = told(curve)
    assert found.diverged_at == RATES[60]
    assert len(found.smoothed) == 61
    assert told([*curve[:61], math.nan, *curve[62:]]).diverged_at == RATES[60]


@pytest.mark.parametrize("steps", [20, 30, 50, 75])
@pytest.mark.parametrize("by", [-1e3, -2.3, 2.3, 1e3])
def test_one_outlier_moves_the_answer_of_a_short_test_little(steps: int, by: float) -> None:
    rates = [10 ** (-7 + 8 * step / (steps - 1)) for step in range(steps)]
    curve = [2.3 - 1.8 / (1 + (1e-2 / rate) ** 2) + (40 * rate if rate > 1 else 0) for rate in rates]
    curve = [loss + 0.02 * math.sin(7 * step) for step, loss in enumerate(curve)]
    clean = analyse(rates, curve)
    assert clean.recommended is not None
    for at in range(len(clean.smoothed) - 2):
        spiked = analyse(rates, [loss + by * (step == at) for step, loss in enumerate(curve)])
        assert decades(spiked, clean) < 0.5, f"a loss {by:+g} at step {at} of {steps}: {spiked.recommended}"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e200])
def test_one_loss_that_is_not_finite_is_an_outlier_two_in_a_row_are_a_divergence(bad: float) -> None:
    curve = [falling(step) for step in range(100)]
    for at in (0, 5, 50):
        found = told([bad if step == at else loss for step, loss in enumerate(curve)])
        assert decades(found, told(curve)) < 0.35
        assert at in found.ignored
        assert told([bad if step in (at, at + 1) else loss for step, loss in enumerate(curve)]).diverged_at == RATES[at]
    assert told([*curve[:50], bad]).diverged_at == RATES[50], "nothing after it shows that it is none"


def test_what_was_ignored_is_told_and_what_was_not_is_not() -> None:
    curve = [falling(step) for step in range(60)]
    assert told(curve).ignored == ()
    found = told([loss + 9.0 * (step in (7, 40)) - 9.0 * (step == 20) for step, loss in enumerate(curve)])
    assert found.ignored == (7, 20, 40)
    assert "3 losses far from those around them were ignored." in found.reason


def given(losses: Sequence[float], half: int = 2) -> list[float]:
    medians = RunningMedian(half)
    return [one for loss in losses for one in medians.update(loss)] + medians.rest()


def test_a_running_median_leaves_steps_and_slopes_as_they_are() -> None:
    for curve in ([2.0] * 30 + [0.5] * 30, [2.0] * 30 + [9.0] * 30):
        assert given(curve) == curve
    slope = [16.0 - step for step in range(16)]
    assert given(slope)[2:-2] == slope[2:-2]


@pytest.mark.parametrize("half", [1, 2, 3])
@pytest.mark.parametrize("by", [3.0, -3.0, math.inf])
def test_as_many_outliers_as_half_a_window_holds_are_left_out(half: int, by: float) -> None:
    for at in range(20 - half):
        assert given([2.0 + (by if at <= step < at + half else 0.0) for step in range(20)], half) == [2.0] * 20


def test_a_window_spans_about_half_a_decade() -> None:
    assert half_window([10 ** (-7 + 8 * step / 99) for step in range(100)]) == 3
    assert half_window([10 ** (-7 + 8 * step / 49) for step in range(50)]) == 2
    assert half_window([10 ** (-7 + 8 * step / 19) for step in range(20)]) == 1
    assert half_window([1e-3]) == 3


def test_seeds_together_stay_within_what_was_tried() -> None:
    tests = [told([falling(step) + (50.0 if step == at else 0.0) for step in range(100)]) for at in (3, 8, 30)]
    found = combine(tests)
    assert found.recommended is not None
    assert found.bounds is not None
    assert min(one.bounds[0] for one in tests if one.bounds) <= found.bounds[0]
    assert found.bounds[1] <= max(one.bounds[1] for one in tests if one.bounds)
