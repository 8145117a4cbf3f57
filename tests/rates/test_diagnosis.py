"""The diagnosis of a curve, alone and beside other runs."""

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.diagnosis import Diagnosis, Direction, diagnose

GOOD = [0.1 + math.exp(-step / 2) for step in range(12)]
SLOW = [2.3 - 0.01 * step for step in range(12)]
ANNEALED = [2.3 - 0.2 * (step / 20 + math.sin(math.pi * step / 20) / math.pi) for step in range(21)]
"""As far too low a rate falls along half a cosine."""
RISING = [1.0 + 0.05 * step for step in range(12)]
CLIMBING = [1.0, 0.8, 0.7, 0.65, 0.6, 2.5, 2.4, 2.3, 2.4, 2.3, 2.2, 2.3]
LOST = [2.3, 1.0, 0.6, 0.5, 0.5, 0.5, 2.3, 2.3, 2.3, 2.3]
"""Back at chance after a fall."""
BATCHES = [(0.2 + 2.1 * math.exp(-step / 8)) * random.Random(step).lognormvariate(0, 0.3) for step in range(50)]
"""A good run's losses of single batches."""


def of(values: Sequence[float], **known: Any) -> Diagnosis:
    return diagnose(range(1, len(values) + 1), values, **known)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (GOOD, "unclear"),
        (SLOW, "too_low"),
        (ANNEALED, "too_low"),
        (RISING, "too_high"),
        (CLIMBING, "too_high"),
        (LOST, "too_high"),
        (BATCHES, "unclear"),
        ([1.0, 0.5, math.nan], "diverged"),
        ([1.0, -math.inf], "diverged"),
        ([1.0 * 3**step for step in range(12)], "diverged"),
        ([0.5] * 12, "unclear"),
        ([], "unclear"),
        ([0.5, 0.4], "unclear"),
    ],
)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("level", [0.0, -5.0])
def test_a_curve_is_judged_at_any_level_in_both_directions(
    values: list[float], verdict: str, direction: Direction, level: float
) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    found = of([sign * (value + level) for value in values], direction=direction)
    assert found.verdict == verdict, found.evidence
    assert found.evidence


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("level", [0.0, -2.0])
@pytest.mark.parametrize(
    ("begun", "verdict"), [(0.1, "too_high"), (1.0, "unclear"), (None, "unclear"), (math.nan, "unclear")]
)
def test_a_run_that_ends_no_better_than_it_began_after_it_was_worse_is_too_high(
    begun: float | None, verdict: str, level: float, sign: float
) -> None:
    direction: Direction = "minimize" if sign > 0 else "maximize"
    initial = None if begun is None else sign * (begun + level)
    found = of([sign * (value + level) for value in GOOD], direction=direction, initial_value=initial)
    assert found.verdict == verdict, found.evidence
    if verdict == "too_high":
        assert f"{initial:.4g} before the first step" in found.evidence[0]


def test_a_level_that_other_data_began_at_is_no_rise() -> None:
    flat = [1.3 - 0.001 * step for step in range(12)]
    assert of(flat, initial_value=0.9).verdict == "too_low", "a validation loss beside a training batch's"


def test_the_evidence_has_numbers_and_steps() -> None:
    assert diagnose([10, 20, 30], [1.0, 0.5, math.inf]).evidence == ("the value at step 30 is inf",)
    assert "climbs from 0.6 at step 5 to 2.5 at step 6, and ends at 2.3" in of(CLIMBING).evidence
    assert "from 1 at step 1 to 1.55 at step 12" in of(RISING).evidence[0]


def test_no_run_is_called_good_by_its_curve_alone() -> None:
    found = of(GOOD)
    assert found.verdict == "unclear"
    assert "nothing in it speaks against the rate" in found.evidence[0]


def test_what_is_known_beside_the_curve_sharpens_the_verdict() -> None:
    edge = {"largest_stable_learning_rate": 0.1}
    assert of(SLOW, learning_rate=1e-4, **edge).verdict == "too_low"
    assert of(SLOW, learning_rate=0.05, **edge).verdict == "unclear"
    assert of(GOOD, learning_rate=0.2, **edge).verdict == "too_high"
    assert of(GOOD, clip_rate=0.99).verdict == "too_high"
    assert of(GOOD, clip_rate=0.3).verdict == "unclear"


@pytest.mark.parametrize("values", [RISING, SLOW, CLIMBING, GOOD])
def test_a_run_that_ends_near_the_best_is_good_whatever_its_way(values: list[float]) -> None:
    found = of(values, best_value=values[-1] / 1.09, clip_rate=1.0, learning_rate=1.0, largest_stable_learning_rate=0.1)
    assert found.verdict == "good"


@pytest.mark.parametrize("values", [GOOD, SLOW, CLIMBING, RISING, [2.3] * 3, [2.319]])
@pytest.mark.parametrize(("rate", "verdict"), [(1e-3, "too_low"), (0.1, "unclear"), (0.9, "too_high")])
def test_the_side_of_the_suggested_rates_decides_where_a_run_ends_far_from_the_best(
    values: list[float], rate: float, verdict: str
) -> None:
    found = of(
        values,
        learning_rate=rate,
        best_value=0.05,
        best_learning_rate=0.05,
        suggested_learning_rates=(0.03, 0.4),
    )
    assert found.verdict == verdict, found.evidence
    where = {"too_low": "below", "unclear": "within", "too_high": "above"}[verdict]
    assert f"the rate, {rate:.2g}, lies {where} the suggested range, 0.03 to 0.4" in found.evidence


def test_a_rate_between_the_suggested_ones_and_the_best_runs_is_on_no_side() -> None:
    known = {"best_value": 0.05, "best_learning_rate": 0.01, "suggested_learning_rates": (0.1, 0.4)}
    assert of(SLOW, learning_rate=0.05, **known).verdict == "unclear"
    assert of(SLOW, learning_rate=0.005, **known).verdict == "too_low"


def test_without_suggested_rates_the_best_runs_rate_tells_the_side_of_what_is_clearly_worse() -> None:
    known = {"best_learning_rate": 0.01, "learning_rate": 0.1}
    clear = of([2.3, 1.0, 0.4], best_value=0.2, **known)
    assert clear.verdict == "too_high"
    assert clear.evidence == (
        "ends at 0.4, 2 times the best, 0.2",
        "the rate, 0.1, lies above that of the best with its settings, 0.01",
    )
    assert of([2.3, 1.0, 0.25], best_value=0.2, **known).verdict == "unclear", "1.25 times the best may be chance"


def test_where_runs_differ_in_more_than_their_rates_only_clearly_worse_ones_are_accused() -> None:
    known = {"learning_rate": 0.1, "best_learning_rate": 0.01, "suggested_learning_rates": (0.005, 0.02)}
    assert of([2.3, 1.0, 0.25], best_value=0.2, **known).verdict == "too_high"
    assert of([2.3, 1.0, 0.25], best_value=0.2, others_vary=True, **known).verdict == "unclear"
    assert of([2.3, 1.0, 0.4], best_value=0.2, others_vary=True, **known).verdict == "too_high"


def test_a_run_at_the_level_of_an_untrained_model_is_never_good() -> None:
    near = of([2.3] * 12, best_value=2.15, initial_value=2.3)
    assert near.verdict == "unclear", "1.07 times the best, but it has learned nothing"
    assert near.evidence[-1] == "it has come less than half-way from an untrained model, 2.3"
    none = of([2.3] * 12, best_value=2.29, initial_value=2.3)
    assert none.verdict == "unclear"
    assert "no training has come far from an untrained model, 2.3, yet: the best is 2.29" in none.evidence


def test_the_final_value_counts_where_it_is_not_the_last_report() -> None:
    assert of(SLOW, best_value=0.1, final_value=0.1).verdict == "good"
    assert of(GOOD, best_value=0.1, final_value=2.0, learning_rate=1e-5, best_learning_rate=0.1).verdict == "too_low"
    assert of([], best_value=0.1, final_value=0.1).verdict == "good", "a trial that reports nothing on its way"


def test_the_noise_of_batches_makes_no_verdict() -> None:
    others = [value * random.Random(step + 99).lognormvariate(0, 0.3) for step, value in enumerate(BATCHES)]
    lucky = min(others[-15:])
    known = {"best_value": lucky, "best_end": (sum(others[-10:]) / 10, 0.02), "best_learning_rate": 0.1}
    same = of(BATCHES, learning_rate=0.05, suggested_learning_rates=(0.08, 0.2), **known)
    assert same.verdict in ("good", "unclear"), same.evidence
    far = of([2.3 + 0.2 * (-1) ** step for step in range(50)], learning_rate=1e-4, **known)
    assert far.verdict == "too_low"
    assert "its last reports are 2.278 on average, those of the best" in far.evidence[0]


def test_a_good_run_that_overfits_a_little_is_not_called_too_high() -> None:
    assert of([0.5, 0.3, 0.25, 0.24, 0.245, 0.25, 0.255, 0.26, 0.262, 0.264]).verdict == "unclear"


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: diagnose([1, 2], [1.0]), "values"),
        (lambda: diagnose([1, 1], [1.0, 1.0]), "steps[1]"),
        (lambda: diagnose([2, 1], [1.0, 1.0]), "steps[1]"),
        (lambda: of(GOOD, clip_rate=1.5), "clip_rate"),
        (lambda: of(GOOD, clip_rate=math.nan), "clip_rate"),
        *(((lambda rate=rate: of(GOOD, learning_rate=rate)), "learning_rate") for rate in (0, -1, math.nan, math.inf)),
        (lambda: of(GOOD, largest_stable_learning_rate=-1.0), "largest_stable_learning_rate"),
        (lambda: of(GOOD, best_learning_rate=0.0), "best_learning_rate"),
        (lambda: of(GOOD, suggested_learning_rates=(0.0, 1.0)), "suggested_learning_rates[0]"),
        (lambda: of(GOOD, suggested_learning_rates=(2.0, 1.0)), "suggested_learning_rates"),
    ],
)
def test_what_cannot_be_is_refused_by_name(call: Any, field: str) -> None:
    with pytest.raises(Refused) as refused:
        call()
    assert refused.value.field == field


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.floats(-5, 5), max_size=30),
    st.none() | st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["minimize", "maximize"]),
)
def test_any_curve_gets_a_verdict(values: list[float], best: float | None, direction: Direction) -> None:
    found = of(values, best_value=best, direction=direction)
    assert found.evidence
    if any(not math.isfinite(value) for value in values):
        assert found.verdict == "diverged"


def test_a_maximized_run_of_zeros_is_shown_as_it_was_reported() -> None:
    found = of([0.0] * 6, direction="maximize", best_value=0.8)
    assert found.evidence[0] == "ends at 0, short of the best, 0.8"


def test_a_run_that_is_not_over_is_compared_where_it_is() -> None:
    found = of([2.4, 2.317], best_value=0.62, is_over=False)
    assert found.evidence[0] == "is at 2.317 after step 2, 3.7 times the best, 0.62 then"
