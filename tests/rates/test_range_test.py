"""Range tests with answers computed by hand, and the ways in which finders are known to fail."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.range_test.analysis import RULES, RangeTestAnalysis, StopRule, analyse, combine
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
    losses = [5.0, 5.0, 5.0, 4.9, 4.7, 4.4, 4.0, 3.0, 2.0, 1.6, 1.3, 1.3, 1.3, 1.5, 2.6, 3.5]
    found = plain(losses)
    # The first tenth, index 0, is left out. The longest fall is 5.0 (at 2) … 1.3 (at 10): nine losses, the fifth at 6.
    assert found.suggestions["valley"] == RATES[6]
    # Central differences: (2.0 − 4.0) at 7 beats (1.6 − 3.0) at 8.
    assert found.suggestions["steepest"] == RATES[7]
    assert found.suggestions["minimum_over_10"] == pytest.approx(RATES[10] / 10)
    # An interval of two steps (15 % of 15) from the minimum down: the first gradients alike are -0.7 at 6 and at 8.
    assert found.suggestions["slide"] == RATES[6]
    # A tenth of the fall, to 4.63, is passed between 4 (4.7) and 5 (4.4); the minimum is at 10.
    assert found.bounds == (RATES[5], RATES[10])
    assert found.diverged_at is None
    # The running median of three leaves a curve without an outlier as it is, but for the rise at its very end.
    assert found.smoothed == (*losses[:15], 2.6)
    assert found.signal


def test_the_interval_rule_stops_where_the_gradients_are_alike() -> None:
    # Falls by 1 a step from 3 to 10, then rises by 2: the gradients at 8 and 10 are -1 and -0.5, at 7 and 9 both -1.
    losses = [12.0] * 4 + [11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 5.0, 7.0, 9.0, 11.0, 12.0]
    assert plain(losses).suggestions["slide"] == RATES[7]


@pytest.mark.parametrize("best", [1e-3, 1e-2, 1e-1])
@pytest.mark.parametrize("offset", [2.5, 0.0, -50.0])
def test_a_known_optimum_is_bracketed_whatever_the_level_of_the_loss(best: float, offset: float) -> None:
    found = plain(valley_at(best, offset=offset), HUNDRED)
    minimum = found.suggestions["minimum_over_10"]
    assert minimum is not None
    assert best / 1.6 < minimum * 10 < best * 1.6, "within the reach of the running median"
    assert found.bounds is not None
    assert found.recommended is not None
    low, high = found.bounds
    assert best / 30 < found.recommended < high == pytest.approx(10 * minimum)
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
    assert "The loss does not fall" in found.reason


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


def test_a_loss_that_rises_slowly_from_the_first_rate_on_is_told_to_rise() -> None:
    rates = [1e-7 * 10 ** (8 * k / 99) for k in range(100)]
    for seed in range(5):
        noise = random.Random(seed)
        found = analyse(rates, [2.3 + k / 99 + noise.gauss(0.0, 0.05) for k in range(100)])
        assert (found.recommended, found.rising_from) == (None, rates[0])


def test_a_test_that_diverges_after_few_losses_says_so() -> None:
    rates = [1e-7 * 10 ** (8 * k / 99) for k in range(100)]
    found = analyse(rates, [math.nan, math.nan, *valley_at(1e-2)[: len(rates) - 2]])
    assert found.reason == "The training diverges at 1e-07, after no loss: too few to show a fall."


def test_a_test_that_diverges_at_once_asks_for_lower_rates() -> None:
    for losses in ([2.0, math.nan, math.nan], [2.0 * 10**k for k in range(60)]):
        rates = [1e-2 * 1.05**k for k in range(len(losses))]
        found = analyse(rates, losses)
        assert (found.signal, found.recommended) == (False, None)
        assert found.diverged_at is not None
        assert found.rising_from == rates[0]
        assert found.warnings == (
            "The loss is already rising at 0.01, the lowest rate tried: widen the test downwards.",
        )


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
    # Falls by 1 in twelve steps and rises by 0.5 a step: the running median of three is level − 11/12 at best.
    falling = [level - step / 12 for step in range(13)]
    rising = [level - 1 + 0.5 * step for step in range(1, 20)]
    rule = StopRule(smoothing=0.0, half_window=1)
    at = next(index for index, loss in enumerate([*falling, *rising]) if rule.update(loss))
    # Nine losses give the initial one, their median: level − 1/3. The fall since is 7/12, and 4 · 7/12 = 2.33 < 2.42.
    assert rule.stopped_at == 12 + 5
    assert at == 12 + 5 + 1, "the median is known a step later"


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


def test_two_losses_in_a_row_that_are_not_finite_stop_it_from_the_first_step_one_does_not() -> None:
    assert stopped_at([math.nan, math.nan]) == 1
    assert stopped_at([1.0, math.inf, -math.inf]) == 2
    assert stopped_at([1.0, math.inf, *[1.0] * 20]) is None


# Both ends


def saturating(rate: float) -> float:
    """Falls from 2.3 to 0.5 around 1e-3."""
    return 2.3 - 1.8 / (1 + (1e-3 / rate) ** 1.2)


def swept(
    low: float, high: float, steps: int, loss: Callable[[float], float], noise: float = 0.01
) -> RangeTestAnalysis:
    rates = [low * (high / low) ** (step / (steps - 1)) for step in range(steps)]
    draws = random.Random(steps)
    return analyse(rates, [loss(rate) + draws.gauss(0, noise) for rate in rates])


@pytest.mark.parametrize("steps", [10, 20, 50, 100, 500])
@pytest.mark.parametrize("low", [1e-7, 1e-3])
@pytest.mark.parametrize("sign", [0.0, -1000.0])
def test_a_loss_that_still_falls_at_the_last_rate_asks_for_higher_ones(steps: int, low: float, sign: float) -> None:
    found = swept(low, 2.6e-3, steps, lambda rate: sign + saturating(rate))
    assert found.still_falling_at == pytest.approx(2.6e-3)
    assert found.warnings == ("The loss is still falling at 0.0026, the highest rate tried: widen the test upwards.",)
    assert found.recommended is not None
    assert low < found.recommended < 2.6e-3
    assert all(rate is None or low <= rate <= 2.6e-3 for rate in found.suggestions.values())


@pytest.mark.parametrize("steps", [20, 50, 100, 500])
def test_a_loss_that_levels_out_or_rises_at_the_end_falls_no_more(steps: int) -> None:
    assert swept(1e-7, 3.0, steps, saturating).still_falling_at is None
    assert swept(1e-7, 3.0, steps, lambda rate: saturating(rate) + 0.3 * rate).still_falling_at is None


@pytest.mark.parametrize("steps", [10, 20, 50, 100])
def test_a_loss_that_rises_from_the_first_rate_asks_for_lower_ones_and_gets_no_number(steps: int) -> None:
    found = swept(1e-2, 10.0, steps, lambda rate: 0.5 + 0.5 * math.log10(rate / 1e-2))
    assert found.rising_from == 1e-2
    assert found.recommended is None
    assert found.warnings == ("The loss is already rising at 0.01, the lowest rate tried: widen the test downwards.",)


def test_noise_alone_neither_falls_nor_rises_at_an_end() -> None:
    warned = sum(bool(swept(1e-7, 10.0, steps, lambda rate: 2.3, noise=0.1).warnings) for steps in range(20, 220))
    assert warned <= 4


def test_most_seeds_must_agree_that_a_loss_still_falls() -> None:
    falls, levels = swept(1e-7, 2.6e-3, 50, saturating), swept(1e-7, 3.0, 50, saturating)
    assert combine([falls, falls, levels]).still_falling_at == pytest.approx(2.6e-3)
    assert combine([falls, levels, levels]).warnings == ()


SHAPES: dict[str, Callable[[float], float]] = {
    "a plateau, then a cliff": lambda rate: saturating(rate) if rate < 0.5 else 40.0,
    "slowly falling": lambda rate: 2.3 - 0.08 * math.log10(rate / 1e-7) + (50 * rate if rate > 0.5 else 0),
    "negative": lambda rate: saturating(rate) - 7.0 + (50 * rate if rate > 0.5 else 0),
    "of a logarithm": lambda rate: math.log(1e-6 + 0.5 / (1 + (rate / 1e-3) ** 3)) + (50 * rate if rate > 0.5 else 0),
}


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("steps", [25, 50, 100])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_curves_of_all_kinds_get_a_rate_below_their_cliff(
    shape: Callable[[float], float], steps: int, noise: float
) -> None:
    found = swept(1e-7, 10.0, steps, shape, noise)
    assert found.recommended is not None
    assert 5e-4 < found.recommended < 0.2


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


def test_an_answer_that_no_rule_found_says_that_it_rests_on_the_divergence() -> None:
    noisy = random.Random(0)
    curves = [[2.3 + noisy.gauss(0, 0.05) for _ in HUNDRED[:90]] + [math.inf] * 11 for _ in range(3)]
    tests = [analyse(HUNDRED, losses) for losses in curves]
    for found, said in ((tests[0], "The curve shows no fall"), (combine(tests), "None of the 3 curves shows a fall")):
        assert found.signal
        assert set(found.suggestions.values()) == {None}
        assert f"{said}: the rate rests on where the training diverges alone, and is a guess." in found.reason
    clear = combine([plain(valley_at(1e-2), HUNDRED)] * 2)
    assert "guess" not in clear.reason
