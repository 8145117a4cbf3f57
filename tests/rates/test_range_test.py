"""Range tests with answers computed by hand, and the ways in which finders are known to fail."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.range_test import RULES, RangeTestAnalysis, StopRule, analyse, combine
from lrtune.service.rates.smoothing import smooth

RATES = [10.0**k / 1000 for k in (0, 0.25, 0.5, 0.75)] + [10 ** (-2 + 0.25 * k) for k in range(12)]
"""Sixteen rates, a quarter of a decade apart, 1e-3 to 5.6."""

HUNDRED = [10 ** (-7 + 0.08 * k) for k in range(101)]
"""1e-7 to 10, eight hundredths of a decade apart."""


def valley_at(best: float, *, depth: float = 2.0, offset: float = 2.5) -> list[float]:
    """A parabola over log rate between 1e-4 and 1, flat below, with its minimum at `best`."""
    width = max(math.log10(best) + 4, 1.0)
    return [
        offset - depth * max(0.0, 1 - (math.log10(rate / best) / width) ** 2) if rate > 1e-4 else offset
        for rate in HUNDRED
    ]


def plain(losses: Sequence[float], rates: Sequence[float] = RATES) -> RangeTestAnalysis:
    return analyse(rates, losses, smoothing=0.0)


def test_every_rule_gives_what_one_computes_by_hand() -> None:
    #         0    1    2    3    4    5    6    7    8    9    10   11   12   13   14   15
    losses = [5.0, 5.0, 5.0, 4.9, 4.7, 4.4, 4.0, 3.0, 2.0, 1.6, 1.4, 1.3, 1.5, 2.0, 2.6, 3.5]
    found = plain(losses)
    # The first tenth, index 0, is left out. The longest fall is 5.0 (at 2) … 1.3 (at 11): ten losses, the sixth at 7.
    assert found.suggestions["valley"] == RATES[7]
    # Central differences: (2.0 − 4.0) at 7 beats (1.6 − 3.0) at 8.
    assert found.suggestions["steepest"] == RATES[7]
    assert found.suggestions["minimum_over_10"] == pytest.approx(RATES[11] / 10)
    # An interval of two steps (15 % of 15) from the minimum down: the first gradients alike are -0.7 at 6 and at 8.
    assert found.suggestions["slide"] == RATES[6]
    # A tenth of the fall, to 4.63, is passed between 4 (4.7) and 5 (4.4); the minimum is at 11.
    assert found.bounds == (RATES[5], RATES[11])
    assert found.diverged_at is None
    assert found.smoothed == tuple(losses)
    assert found.signal


def test_the_interval_rule_stops_where_the_gradients_are_alike() -> None:
    # Falls by 1 a step from 3 to 10, then rises by 2: the gradients at 8 and 10 are -1 and 0.5, at 7 and 9 both -1.
    losses = [12.0] * 4 + [11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 7.0, 9.0, 11.0, 12.0, 12.5]
    assert plain(losses).suggestions["slide"] == RATES[7]


@pytest.mark.parametrize("best", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("offset", [2.5, 0.0, -50.0])
def test_a_known_optimum_is_bracketed_whatever_the_level_of_the_loss(best: float, offset: float) -> None:
    found = plain(valley_at(best, offset=offset), HUNDRED)
    minimum = found.suggestions["minimum_over_10"]
    assert minimum is not None
    assert minimum * 10 == pytest.approx(best, rel=0.1)
    assert found.bounds is not None
    assert found.recommended is not None
    low, high = found.bounds
    assert best / 30 < found.recommended < high == pytest.approx(best, rel=0.1)
    assert low < high


def test_answers_do_not_depend_on_the_level_or_the_unit_of_the_loss() -> None:
    losses = valley_at(1e-2)
    first = analyse(HUNDRED, losses)
    for scaled in ([loss - 1000 for loss in losses], [-7 + 1e3 * loss for loss in losses]):
        again = analyse(HUNDRED, scaled)
        assert (again.recommended, again.bounds, again.diverged_at) == (
            first.recommended,
            first.bounds,
            first.diverged_at,
        )


@pytest.mark.parametrize("seed", range(5))
def test_noise_moves_the_answer_little(seed: int) -> None:
    draws = random.Random(seed)
    quiet = analyse(HUNDRED, valley_at(1e-2)).recommended
    noisy = analyse(HUNDRED, [loss + draws.gauss(0, 0.15) for loss in valley_at(1e-2)]).recommended
    assert quiet is not None
    assert noisy is not None
    assert abs(math.log10(noisy / quiet)) < 0.5


@pytest.mark.parametrize("level", [2.3, 0.0, -4.0])
def test_a_constant_loss_has_no_signal_and_no_number(level: float) -> None:
    found = analyse(HUNDRED, [level] * len(HUNDRED))
    assert not found.signal
    assert found.recommended is None
    assert found.bounds is None
    assert found.diverged_at is None
    assert found.suggestions == dict.fromkeys(RULES)
    assert "no fall" in found.reason


def test_noise_alone_has_no_signal() -> None:
    called = 0
    for seed in range(100):
        draws = random.Random(seed)
        called += analyse(HUNDRED, [2.3 + draws.gauss(0, 0.2) for _ in HUNDRED]).signal
    assert called <= 3


def test_a_plateau_is_read_at_its_beginning() -> None:
    losses = [2.0 if rate < 1e-3 else 0.5 for rate in HUNDRED]
    found = plain(losses, HUNDRED)
    first = next(rate for rate in HUNDRED if rate >= 1e-3)
    assert found.suggestions["minimum_over_10"] == pytest.approx(first / 10)


@pytest.mark.parametrize("end", [math.nan, math.inf, -math.inf, 1e200])
def test_a_loss_that_is_not_finite_ends_the_curve(end: float) -> None:
    losses = valley_at(1e-2)
    losses[90:] = [end] * 11
    found = plain(losses, HUNDRED)
    assert found.diverged_at == HUNDRED[90]
    assert len(found.smoothed) == 90
    assert found.recommended == pytest.approx(
        math.sqrt((found.suggestions["minimum_over_10"] or math.nan) * HUNDRED[90] / 20)
    )


def test_a_test_that_diverges_at_once_asks_for_lower_rates() -> None:
    for losses in ([2.0, math.nan, 1.0], [2.0 * 10**k for k in range(60)]):
        rates = [1e-2 * 1.05**k for k in range(len(losses))]
        found = analyse(rates, losses)
        assert (found.signal, found.recommended) == (False, None)
        assert found.diverged_at is not None
        assert "begin at a lower rate" in found.reason


def test_a_flat_curve_that_then_diverges_is_answered_from_the_divergence() -> None:
    found = analyse(HUNDRED, [1.6 if rate < 0.2 else math.inf for rate in HUNDRED])
    assert found.signal
    assert found.diverged_at is not None
    assert found.recommended == pytest.approx(found.diverged_at / 20)
    assert found.suggestions == dict.fromkeys(RULES)


def test_few_losses_give_no_number() -> None:
    assert not analyse(RATES[:9], [float(9 - k) for k in range(9)]).signal
    assert analyse(RATES, [float(16 - k) for k in range(16)]).signal


# The stop rule


def stopped_at(losses: Sequence[float], **how: float) -> int | None:
    rule = StopRule(**how)
    return next((index for index, loss in enumerate(losses) if rule.update(loss)), None)


def test_the_debiased_average_has_weight_one_from_the_first_step() -> None:
    assert smooth([3.0, 3.0, 3.0], 0.98) == pytest.approx((3.0, 3.0, 3.0))
    assert smooth([1.0, 2.0], 0.9) == pytest.approx((1.0, 0.1 * (0.9 + 2.0) / 0.19))


@pytest.mark.parametrize("level", [5.0, 0.0, -5.0])
def test_the_rule_stops_at_four_times_the_fall_at_any_level(level: float) -> None:
    # Falls by 1 in twelve steps; without smoothing, it stops above lowest + 4.
    falling = [level - step / 12 for step in range(13)]
    rising = [level - 1 + 0.5 * step for step in range(1, 20)]
    at = stopped_at([*falling, *rising], smoothing=0.0)
    assert at is not None
    # Nine losses give the initial one, their median: level − 1/3. The fall since is 2/3, and 4 · 2/3 = 2.67 < 3.
    assert at == 13 + 5


def test_constant_negative_and_noisy_losses_do_not_stop_it() -> None:
    assert stopped_at([2.3] * 200) is None
    assert stopped_at([0.1] * 200) is None
    assert stopped_at([-3.0 - step / 100 for step in range(200)]) is None
    stopped = 0
    for seed in range(50):
        draws = random.Random(seed)
        stopped += stopped_at([draws.gauss(0, 1) for _ in range(200)]) is not None
    assert stopped <= 1


def test_it_stops_soon_after_a_divergence() -> None:
    losses = [2.0 - 0.01 * step for step in range(60)] + [1.4 * 1.5**step for step in range(40)]
    at = stopped_at(losses)
    assert at is not None
    assert 60 < at < 72


def test_it_stops_at_what_is_not_finite_from_the_first_step() -> None:
    assert stopped_at([math.nan]) == 0
    assert stopped_at([1.0, math.inf]) == 1


# Several seeds


def test_seeds_are_combined_by_the_geometric_median() -> None:
    tests = [plain(valley_at(best), HUNDRED) for best in (1e-3, 1e-2, 1e-1)]
    found = combine(tests)
    assert found.recommended == pytest.approx(tests[1].recommended)
    assert found.bounds == pytest.approx(tests[1].bounds)
    assert found.suggestions["minimum_over_10"] == pytest.approx(tests[1].suggestions["minimum_over_10"])
    assert "3 of 3 seeds" in found.reason
    assert combine(tests[:1]) is tests[0]
    middle = combine(tests[:2]).recommended
    assert middle == pytest.approx(math.sqrt((tests[0].recommended or 0) * (tests[1].recommended or 0)))


def test_most_seeds_must_have_a_signal() -> None:
    flat, clear = analyse(HUNDRED, [1.0] * 101), plain(valley_at(1e-2), HUNDRED)
    assert combine([flat, clear, clear]).signal
    found = combine([flat, flat, clear])
    assert (found.signal, found.recommended) == (False, None)
    assert "2 of 3 seeds show no signal" in found.reason
    with pytest.raises(ValueError, match="at least one"):
        combine([])


# Bad input


@pytest.mark.parametrize("rate", [0.0, -1e-3, math.nan, math.inf, -math.inf, 1e-200, 1e200])
def test_a_rate_that_cannot_be_is_refused_by_its_place(rate: float) -> None:
    place = 0 if rate < 1e-3 else len(RATES) - 1
    rates = [*RATES]
    rates[place] = rate
    with pytest.raises(Refused, match=rf"learning_rates\[{place}\]|learning_rates\[15\]"):
        analyse(rates, [1.0] * len(rates))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: analyse([], []), "learning_rates must not be empty"),
        (lambda: analyse([1e-3, 1e-2], [1.0]), "losses must be one for each rate: 1 losses, 2 rates"),
        (lambda: analyse([1e-2, 1e-3], [1.0, 1.0]), r"learning_rates\[1\] must be above the rate before it"),
        (lambda: analyse([1e-2, 1e-2], [1.0, 1.0]), r"learning_rates\[1\] must be above the rate before it"),
        (lambda: analyse(["a"], [1.0]), r"learning_rates\[0\] must be a number"),  # type: ignore[list-item]
        (lambda: analyse(RATES, [1.0] * 16, smoothing=1.0), "smoothing must be at least 0 and below 1"),
        (lambda: StopRule(factor=0.0), "factor must be finite and > 0"),
        (lambda: StopRule(smoothing=math.nan), "smoothing must be"),
    ],
)
def test_what_is_no_range_test_is_refused_by_name(call: Callable[[], object], said: str) -> None:
    with pytest.raises(Refused, match=said):
        call()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.floats(-1e-3, 1.0) | st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60),
    st.floats(0.0, 0.999),
)
def test_whatever_the_losses_the_answer_is_finite_and_within_the_test(losses: list[float], smoothing: float) -> None:
    rates = [1e-6 * 1.3**step for step in range(len(losses))]
    found = analyse(rates, losses, smoothing=smoothing)
    assert (found.recommended is None) == (not found.signal)
    assert found.reason
    assert all(math.isfinite(loss) for loss in found.smoothed)
    for rate in (found.recommended, *found.suggestions.values()):
        assert rate is None or rates[0] <= rate <= rates[-1]
    if found.bounds is not None:
        assert rates[0] <= found.bounds[0] <= found.bounds[1] <= rates[-1]
    if found.diverged_at is not None:
        assert found.diverged_at in rates
