"""The diagnosis in `GET /v1/studies/{study}/trials/{number}`."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.calls import Json, StudyCalls
from tests.api.conftest import NewStudy

STEPS = 12


def record(study: StudyCalls, rate: float, curve: Callable[[int], Any], **more: Any) -> Json:
    reports = [{"step": step, "value": curve(step)} for step in range(1, STEPS + 1)]
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


def wild(step: int) -> float:
    return 2.0 + (-1) ** step * 0.5


@pytest.fixture
def known(new_study: NewStudy) -> StudyCalls:
    """A study that knows how good a run can be, and where it diverges: above 0.1."""
    study = new_study(max_steps=STEPS)
    for rate in (0.005, 0.01, 0.02):
        record(study, rate, good)
    for rate in (0.2, 0.4, 0.8):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "state": "diverged"})
    return study


def test_a_run_on_its_own_is_judged_by_its_curve(new_study: NewStudy) -> None:
    study = new_study(max_steps=STEPS)
    assert record(study, 0.1, wild)["verdict"] == "unclear"
    assert record(study, 0.01, good)["verdict"] == "good"
    assert record(study, 1e-6, slow)["verdict"] == "too_low"


def test_what_the_study_knows_sharpens_the_verdict(known: StudyCalls) -> None:
    low = record(known, 1e-5, slow)
    assert low["verdict"] == "too_low"
    assert any("far below the largest stable one" in said for said in low["evidence"])
    high = record(known, 0.09, wild)
    assert high["verdict"] == "too_high"
    assert any("wanders" in said for said in high["evidence"])
    near = record(known, 0.05, lambda step: 0.105 + wild(step) * 0.01 if step < STEPS else 0.105)
    assert near == {"verdict": "good", "evidence": ["ends at 0.105, near the best, 0.1"]}


def test_a_steady_fall_at_a_rate_near_the_edge_is_not_too_low(known: StudyCalls) -> None:
    assert record(known, 0.08, slow)["verdict"] == "unclear"


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
    assert record(study, 0.01, lambda step: -good(step))["verdict"] == "good"
    assert record(study, 1e-6, lambda step: -slow(step))["verdict"] == "too_low"
    assert record(study, 0.5, lambda step: -(1.5**step))["verdict"] in ("too_high", "diverged")


def test_a_study_without_a_learning_rate_still_reads_its_curves(new_study: NewStudy) -> None:
    study = new_study(search_space={"num_layers": {"type": "int", "low": 1, "high": 3}})
    reports = [{"step": step, "value": good(step)} for step in range(1, STEPS + 1)]
    study.post("/trials/record", {"params": {"num_layers": 1}, "reports": reports})
    assert study.trial(0)["diagnosis"]["verdict"] == "good"


def test_a_long_curve_is_thinned_and_its_divergence_found(new_study: NewStudy) -> None:
    study = new_study()
    reports = [{"step": step, "value": "inf" if step == 7_777 else 1 / step} for step in range(1, 9_001)]
    study.post("/trials/record", {"params": {"learning_rate": 0.1}, "reports": reports, "state": "diverged"})
    assert study.trial(0)["diagnosis"]["evidence"] == ["the value at step 7777 is inf"]
