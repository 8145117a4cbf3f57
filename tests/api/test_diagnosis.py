"""The diagnosis in `GET /v1/studies/{study}/trials/{number}`."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.calls import Json, StudyCalls
from tests.api.conftest import NewStudy

STEPS = 12


def record(
    study: StudyCalls, rate: float, curve: Callable[[int], Any], *, first: int = 1, steps: int = STEPS, **more: Any
) -> Json:
    reports = [{"step": step, "value": curve(step)} for step in range(first, steps + 1)]
    body = {"params": {"learning_rate": rate}, "reports": reports, **more}
    response = study.post("/trials/record", body)
    assert response.status_code == 201, response.text
    shown = study.trial(response.json()["number"])
    found: Json = shown["diagnosis"]
    return found


def good(step: int) -> float:
    return 0.1 + math.exp(-step)


def slow(step: int) -> float:
    return 2.3 - 0.01 * step


@pytest.fixture
def known(new_study: NewStudy) -> StudyCalls:
    """A study that knows how good a run can be, and where it diverges: above 0.1."""
    study = new_study(max_steps=STEPS)
    for rate in (0.005, 0.01, 0.02):
        record(study, rate, good)
    for rate in (0.2, 0.4, 0.8):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "state": "diverged"})
    return study


def flat(step: int) -> float:
    return 2.302 - 1e-4 * step


def test_a_run_on_its_own_is_judged_by_its_curve(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS)
    assert record(study, 0.01, good)["verdict"] == "unclear", "another rate may be better"
    assert record(study, 1e-6, slow)["verdict"] == "too_low"
    assert record(study, 0.5, lambda step: 2.3 if step != 6 else 0.4)["verdict"] == "too_high"


def test_beside_the_studys_best_and_suggestion_the_side_decides(known: StudyCalls) -> None:
    low = record(known, 1e-5, slow)
    assert low["verdict"] == "too_low"
    assert low["evidence"][0] == "ends at 2.18, 22 times the best, 0.1"
    assert any("lies below the suggested range" in said for said in low["evidence"])
    high = record(known, 0.09, slow)
    assert high["verdict"] == "too_high"
    assert any("lies above the suggested range" in said for said in high["evidence"])
    near = record(known, 0.05, lambda step: good(step) + 0.005)
    assert near == {"verdict": "good", "evidence": ["ends at 0.105, near the best, 0.1"]}


def test_nine_rates_far_below_the_suggested_one_are_never_too_high(new_study: NewStudy) -> None:
    """A training loss of single batches, which jumps about, over rates of which the best is high."""
    study = new_study(max_steps=STEPS)

    def batches(rate: float) -> Callable[[int], float]:
        end = 0.29 + 2.0 * max(0.0, math.log10(0.3 / rate)) / 5.5
        return lambda step: end + 2.0 * math.exp(-step) + 0.03 * (-1) ** step

    rates = [1e-6, 5e-6, 2e-5, 1e-4, 5e-4, 2e-3, 6e-3, 0.02, 0.046, 0.2, 0.359, 0.6]
    for rate in rates:
        record(study, rate, batches(rate))
    suggested = study.get("/suggestion")
    for number, rate in enumerate(rates):
        verdict = study.trial(number)["diagnosis"]["verdict"]
        assert verdict == "too_low" if rate <= 2e-3 else verdict in ("too_low", "unclear", "good"), (rate, verdict)
        assert not (rate > suggested["interval"][1] and verdict == "too_low")


def test_rates_at_both_ends_that_learn_nothing_are_not_good_after_five_reports(new_study: NewStudy) -> None:
    study = new_study(max_steps=5)
    ends = {
        1e-6: 2.302,
        1e-4: 2.2,
        1e-3: 1.6,
        5e-3: 0.9,
        0.02: 0.4,
        0.05: 0.3,
        0.1: 0.29,
        0.2: 0.5,
        0.5: 2.31,
        1.0: 2.303,
    }
    for rate, end in ends.items():
        record(study, rate, lambda step, end=end: end + (2.303 - end) * (5 - step) / 5, steps=5)
    verdicts = {rate: study.trial(number)["diagnosis"]["verdict"] for number, rate in enumerate(ends)}
    assert verdicts[1e-6] == verdicts[1e-4] == "too_low"
    assert verdicts[0.5] == verdicts[1.0] == "too_high"
    assert verdicts[0.05] == verdicts[0.1] == "good"


def test_where_no_rate_has_learned_yet_none_is_good(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS)
    for rate in (1e-6, 1e-5, 1e-4):
        found = record(study, rate, flat)
    assert found["verdict"] == "unclear"
    assert "no training has come far from an untrained model, 2.302, yet" in found["evidence"][0]


def test_the_value_at_step_0_is_an_untrained_models(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS)
    for rate in (0.01, 0.02, 0.03):
        record(study, rate, lambda step: 2.3 - 0.015 * step, first=0)
    found = record(study, 1e-5, lambda step: 2.3 - 0.001 * step, first=0)
    assert found["verdict"] == "unclear", "within 1.1 times the best, and hardly trained"
    assert found["evidence"][-1] == "it has come less than half-way from an untrained model, 2.3"


def test_another_optimizers_trial_is_judged_by_its_own(new_study: NewStudy) -> None:
    space = {
        "learning_rate": {"type": "float", "low": 1e-6, "high": 1.0, "log": True},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    }
    study = new_study(max_steps=STEPS, search_space=space)

    def runs(optimizer: str, best: float, level: float) -> list[Json]:
        rates = [best * 10.0**decades for decades in (-2, -1, 0, 0.9)]
        ends = [level + abs(math.log10(rate / best)) for rate in rates]
        params = [{"learning_rate": rate, "optimizer": optimizer} for rate in rates]
        return [
            record(study, 0, lambda step, end=end: end + math.exp(-step), params=one)
            for one, end in zip(params, ends, strict=True)
        ]

    runs("adam", 1e-3, 0.1)
    assert runs("sgd", 0.1, 0.3)[0]["verdict"] == "unclear", "the first with sgd: the suggestion is adam's"
    for first in (0, 4):  # Of adam, and of sgd.
        found = [study.trial(first + place)["diagnosis"]["verdict"] for place in range(4)]
        assert found in (
            ["too_low", "too_low", "good", "too_high"],
            ["too_low", "unclear", "good", "unclear"],  # Within a wide interval.
        ), first


def test_a_running_trial_is_compared_at_the_same_step(known: StudyCalls) -> None:
    trial = known.lease()
    known.report(trial, *((step, good(step)) for step in range(1, 7)))
    assert known.trial(trial["number"])["diagnosis"]["verdict"] == "good", "0.1025, as the best had at step 6"


def test_a_trial_without_a_curve_is_judged_by_its_value(known: StudyCalls) -> None:
    body = {"params": {"learning_rate": 1e-4}, "value": 2.0}
    number = known.post("/trials/record", body).json()["number"]
    assert known.trial(number)["diagnosis"]["verdict"] == "too_low"


def test_divergence_is_told_with_its_step(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS)
    found = record(study, 0.5, lambda step: "nan" if step >= 4 else 1.0, state="diverged")
    assert found == {"verdict": "diverged", "evidence": ["the value at step 4 is nan"]}
    number = study.post("/trials/record", {"params": {"learning_rate": 0.5}, "state": "diverged"}).json()["number"]
    assert study.trial(number)["diagnosis"]["evidence"] == ["ended as diverged before its first report"]


def test_a_trial_without_reports_is_unclear(study: StudyCalls) -> None:
    assert study.trial(study.lease()["number"])["diagnosis"] == {
        "verdict": "unclear",
        "evidence": ["nothing was reported"],
    }


def test_a_maximized_metric_is_judged_the_other_way_round(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS, direction="maximize")
    for rate in (0.005, 0.01, 0.02):
        found = record(study, rate, lambda step: -good(step))
    assert found["verdict"] == "good"
    assert record(study, 1e-6, lambda step: -slow(step))["verdict"] == "too_low"
    assert record(study, 0.5, lambda step: -(1.5**step))["verdict"] in ("too_high", "diverged")


def test_a_study_without_a_learning_rate_still_reads_its_curves(new_study: NewStudy) -> None:
    study = new_study(search_space={"num_layers": {"type": "int", "low": 1, "high": 3}})
    reports = [{"step": step, "value": good(step)} for step in range(1, STEPS + 1)]
    for layers in (1, 2, 3):
        study.post("/trials/record", {"params": {"num_layers": layers}, "reports": reports})
    assert study.trial(0)["diagnosis"]["verdict"] == "good"


def test_a_long_curve_is_thinned_and_its_divergence_found(new_study: NewStudy) -> None:
    study = new_study()
    reports = [{"step": step, "value": "inf" if step == 7_777 else 1 / step} for step in range(1, 9_001)]
    study.post("/trials/record", {"params": {"learning_rate": 0.1}, "reports": reports, "state": "diverged"})
    assert study.trial(0)["diagnosis"]["evidence"] == ["the value at step 7777 is inf"]
