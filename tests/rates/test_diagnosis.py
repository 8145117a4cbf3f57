"""The diagnosis of a curve; and that it accuses no good run of the built-in tasks."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrtune.service.rates.checks import Refused
from lrtune.service.rates.diagnosis import Diagnosis, Direction, diagnose
from tests.benchmarks.tables.diagnosis import RATES, confusion, train, wrongly_accused

GOOD = [0.1 + math.exp(-step / 2) for step in range(12)]
SLOW = [2.3 - 0.01 * step for step in range(12)]
ANNEALED = [2.3 - 0.2 * (step / 20 + math.sin(math.pi * step / 20) / math.pi) for step in range(21)]
"""As far too low a rate falls along half a cosine."""
RISING = [1.0 + 0.05 * step for step in range(12)]
WILD = [2.0 + (-1) ** step * 0.5 for step in range(12)]
BURST = [1.0, 0.8, 0.7, 0.65, 0.6, 2.5, 2.4, 2.3, 2.4, 2.3, 2.2, 2.3]


def of(values: Sequence[float], **known: Any) -> Diagnosis:
    return diagnose(range(1, len(values) + 1), values, **known)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (GOOD, "good"),
        (SLOW, "too_low"),
        (ANNEALED, "too_low"),
        (RISING, "too_high"),
        (BURST, "too_high"),
        (WILD, "unclear"),
        ([1.0, 0.5, math.nan], "diverged"),
        ([1.0, -math.inf], "diverged"),
        ([1.0 * 3**step for step in range(12)], "diverged"),
        ([0.5] * 12, "unclear"),
        ([], "unclear"),
        ([0.5, 0.4], "unclear"),
    ],
)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("level", [0.0, -2.0])
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
    ("begun", "verdict"), [(0.1, "too_high"), (0.5, "too_high"), (1.0, "good"), (None, "good"), (math.nan, "good")]
)
def test_a_run_that_ends_well_only_beside_its_own_first_report_is_too_high(
    begun: float | None, verdict: str, level: float, sign: float
) -> None:
    direction: Direction = "minimize" if sign > 0 else "maximize"
    initial = None if begun is None else sign * (begun + level)
    found = of([sign * (value + level) for value in GOOD], direction=direction, initial_value=initial)
    assert found.verdict == verdict, found.evidence
    if verdict == "too_high":
        assert f"{initial:.4g} before the first step" in found.evidence[0]


def test_the_evidence_has_numbers_and_steps() -> None:
    assert diagnose([10, 20, 30], [1.0, 0.5, math.inf]).evidence == ("the value at step 30 is inf",)
    assert any("jumps from 0.6 to 2.5 at step 6" in said for said in of(BURST).evidence)
    assert "from 1 at step 1 to 1.55 at step 12" in of(RISING).evidence[0]


def test_what_is_known_beside_the_curve_sharpens_the_verdict() -> None:
    edge = {"largest_stable_learning_rate": 0.1}
    assert of(SLOW, learning_rate=1e-4, **edge).verdict == "too_low"
    assert of(SLOW, learning_rate=0.05, **edge).verdict == "unclear"
    assert of(GOOD, learning_rate=0.2, **edge).verdict == "too_high"
    assert of(GOOD, learning_rate=0.05, **edge).verdict == "good"
    assert of(WILD, best_value=0.3).verdict == "too_high"
    assert of(GOOD, best_value=0.01, learning_rate=0.05, **edge).verdict == "unclear"
    assert of(GOOD, clip_rate=0.99).verdict == "too_high"
    assert of(GOOD, clip_rate=0.3).verdict == "good"


@pytest.mark.parametrize("values", [RISING, SLOW, WILD, BURST, GOOD])
def test_a_run_that_ends_near_the_best_is_good_whatever_its_way(values: list[float]) -> None:
    found = of(values, best_value=values[-1] / 1.09, clip_rate=1.0, learning_rate=1.0, largest_stable_learning_rate=0.1)
    assert found.verdict == "good"


def test_a_good_run_that_overfits_a_little_is_not_called_too_high() -> None:
    assert of([0.5, 0.3, 0.25, 0.24, 0.245, 0.25, 0.255, 0.26, 0.262, 0.264]).verdict in ("good", "unclear")


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


def test_no_good_run_of_the_built_in_tasks_is_accused() -> None:
    grids = list(train(["breast-cancer", "diabetes"], [0], RATES[1::4]))
    for in_study in (False, True):
        table = confusion(grids, in_study=in_study)
        assert table["good"].total() >= 3
        assert wrongly_accused(table) == 0.0
        low = table["below, far"]
        assert low["too_low"] >= 0.5 * low.total()
        assert table["not finite"]["diverged"] == table["not finite"].total() > 0
