import pytest

from tests.api.calls import SPACE, Json, StudyCalls, assert_in_space
from tests.api.conftest import NewStudy

LEARNING_RATE = SPACE["learning_rate"]


@pytest.mark.parametrize(
    ("spec", "rate"),
    [
        ({}, 1e-3),
        ({"tags": {"optimizer": "adamw"}}, 1e-3),
        ({"tags": {"optimizer": "SGD"}}, 1e-2),
        ({"tags": {"optimizer": "sgd-nesterov"}}, 1e-2),
        ({"search_space": SPACE}, 1e-2),
        ({"search_space": SPACE, "tags": {"optimizer": "adamw"}}, 1e-3),
        ({"search_space": {"learning_rate": {**LEARNING_RATE, "high": 5e-4}}}, 5e-4),
        ({"search_space": {"learning_rate": {**LEARNING_RATE, "low": 0.05}}, "tags": {"optimizer": "sgd"}}, 0.05),
        ({"search_space": {"peak": {**LEARNING_RATE, "role": "learning_rate"}}}, 1e-3),
    ],
)
def test_before_any_evidence_the_prior_answers_cut_to_the_bounds(new_study: NewStudy, spec: Json, rate: float) -> None:
    study = new_study(**spec)
    found = study.get("/suggestion")
    assert (found["basis"], found["learning_rate"], found["trials"]) == ("prior", rate, 0)
    low, high = found["interval"]
    assert low <= rate <= high
    assert (found["expected_value"], found["max_stable_learning_rate"]) == (None, None)
    assert found["explanation"]
    assert_in_space(study.get()["search_space"], found["params"])
    assert study.trials() == []


def test_the_best_trial_answers_once_there_is_one(each_study: NewStudy) -> None:
    study = each_study(search_space=SPACE, tags={"optimizer": "sgd"})
    for value in (0.5, 0.25, 0.75):
        trial = study.lease()
        study.finish(trial, value=value)
    best = study.trial(1)
    found = study.get("/suggestion")
    assert (found["basis"], found["trials"], found["expected_value"]) == ("best_trial", 3, 0.25)
    assert found["params"] == best["params"]
    assert found["learning_rate"] == best["params"]["learning_rate"]
    low, high = found["interval"]
    assert LEARNING_RATE["low"] <= low <= found["learning_rate"] <= high <= LEARNING_RATE["high"]


def test_diverged_trials_bound_the_stable_rates(new_study: NewStudy) -> None:
    study = new_study(search_space={"learning_rate": LEARNING_RATE})
    for rate in (1e-4, 1e-3, 1e-2):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "value": rate})
    for rate in (0.1, 0.3, 0.9):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "state": "diverged"})
    found = study.get("/suggestion")
    assert 1e-2 < found["max_stable_learning_rate"] < 0.3
    assert found["interval"][1] <= 0.1
    assert "diverged" in found["explanation"]


def test_a_study_in_which_all_diverged_still_gets_an_answer(study: StudyCalls) -> None:
    for _ in range(3):
        study.finish(study.lease(), "diverged")
    found = study.get("/suggestion")
    assert (found["basis"], found["trials"]) == ("prior", 3)
    assert found["learning_rate"] is not None


def test_a_study_without_a_learning_rate_gets_its_best_parameters(new_study: NewStudy) -> None:
    study = new_study(search_space={"num_layers": {"type": "int", "low": 1, "high": 3}})
    assert study.get("/suggestion")["learning_rate"] is None
    trial = study.lease()
    study.finish(trial, value=1.0)
    assert study.get("/suggestion")["params"] == trial["params"]


def test_bounds_at_the_ends_of_what_floats_can_hold_give_a_finite_answer(new_study: NewStudy) -> None:
    space = {
        "learning_rate": {"type": "float", "low": 1e-300, "high": 1e300, "log": True},
        "scale": {"type": "float", "low": 1e200, "high": 1e300, "log": True},
        "tiny": {"type": "float", "low": 1e-300, "high": 1e-200, "log": True},
    }
    study = new_study(search_space=space)
    assert_in_space(space, study.get("/suggestion")["params"])
    trial = study.lease()
    assert_in_space(space, trial["params"])
    study.finish(trial, "diverged")
    assert 0 < study.get("/suggestion")["learning_rate"] < trial["params"]["learning_rate"]
