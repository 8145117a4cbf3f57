import pytest

from tests.api.calls import Json, StudyCalls, assert_problem, in_threads
from tests.api.conftest import NewStudy
from tests.support.clock import Clock

JSON = {"Content-Type": "application/json"}


def test_a_reported_curve_is_shown(each_study: NewStudy) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    verdict = study.verdict(trial, (1, 0.5), (2, 0.25))
    assert verdict == {"verdict": "continue", "reason": None, "explanation": "", "lease_ttl_seconds": 60.0}
    study.verdict(trial, (3, "inf"))
    shown = study.trial(trial["number"])
    assert shown["curve"] == [{"step": 1, "value": 0.5}, {"step": 2, "value": 0.25}, {"step": 3, "value": "inf"}]
    assert shown["step"] == 3


def test_a_replayed_report_changes_nothing(each_study: NewStudy) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    first = study.verdict(trial, (1, 0.5), (2, 0.25))
    before = study.get("/status"), study.trial(trial["number"])
    assert study.verdict(trial, (1, 0.5), (2, 0.25)) == first
    assert (study.get("/status"), study.trial(trial["number"])) == before


def test_a_second_value_for_a_step_is_not_taken(study: StudyCalls) -> None:
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    study.verdict(trial, (1, 99.0), (2, 0.25))
    assert [point["value"] for point in study.trial(0)["curve"]] == [0.5, 0.25]


def test_one_report_sent_by_many_at_once_is_there_once(each_study: NewStudy) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    verdicts = in_threads(8, lambda index: study.verdict(trial, (1, 0.5), (2 + index % 2, 0.25)))
    assert {verdict["verdict"] for verdict in verdicts} == {"continue"}
    assert [point["step"] for point in study.trial(0)["curve"]] == [1, 2, 3]


def test_steps_are_known_apart_by_attempt(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    study.verdict(study.lease(), (1, 0.5), (2, 0.4))
    clock.advance(61)
    study.expire()
    second = study.lease()
    assert second["attempt"] == 2
    study.verdict(second, (1, 7.0))
    assert study.trial(0)["curve"] == [{"step": 1, "value": 7.0}]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_diverged_training_is_told_to_stop_and_that_stands(each_study: NewStudy, value: str) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    verdict = study.verdict(trial, (1, value))
    assert (verdict["verdict"], verdict["reason"]) == ("stop", "diverged")
    assert "step 1" in verdict["explanation"]
    for again in (study.verdict(trial, (1, value)), study.verdict(trial, (2, 0.5)), study.heartbeat(trial).json()):
        assert (again["verdict"], again["reason"]) == ("stop", "diverged")
    assert study.finish(trial, "diverged")["state"] == "diverged"


@pytest.mark.parametrize(("token", "shown"), [("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf")])
def test_the_tokens_that_python_writes_for_what_json_has_no_number_for_are_taken_for_the_strings(
    study: StudyCalls, token: str, shown: str
) -> None:
    """json.dumps(float("nan")) is NaN: a training that diverged in a script without our SDK is not to be lost."""
    trial = study.lease()
    body = f'{{"lease": "{trial["lease"]}", "reports": [{{"step": 1, "value": {token}}}]}}'
    answer = study.client.post(f"{study.path}/trials/0/reports", content=body, headers=JSON)
    assert (answer.status_code, answer.json().get("reason")) == (200, "diverged"), answer.text
    assert study.trial(0)["curve"] == [{"step": 1, "value": shown}]
    result = f'{{"lease": "{trial["lease"]}", "state": "complete", "value": {token}}}'
    ended = study.client.post(f"{study.path}/trials/0/result", content=result, headers=JSON)
    assert (ended.status_code, ended.json()["state"]) == (200, "diverged")
    recorded = f'{{"params": {{"learning_rate": 0.1}}, "value": {token}}}'
    assert (
        study.client.post(f"{study.path}/trials/record", content=recorded, headers=JSON).json()["state"] == "diverged"
    )


def test_nan_in_the_middle_of_a_batch_of_reports_is_noticed(study: StudyCalls) -> None:
    trial = study.lease()
    assert study.verdict(trial, (1, 0.5), (2, "nan"), (3, 0.5))["reason"] == "diverged"


@pytest.mark.parametrize(
    "pruner",
    [
        {"name": "median", "n_startup_trials": 3},
        {"name": "percentile", "percentile": 25.0, "n_startup_trials": 3},
    ],
    ids=lambda pruner: pruner["name"],
)
def test_a_trial_that_is_behind_is_told_to_stop_and_why(each_study: NewStudy, pruner: Json) -> None:
    study = each_study(max_steps=5, pruner=pruner)
    for value in (0.1, 0.2, 0.3, 0.4):
        trial = study.lease()
        study.verdict(trial, *((step, value) for step in range(1, 6)))
        study.finish(trial)
    behind = study.lease()
    verdict = study.verdict(behind, (1, 9.0))
    assert (verdict["verdict"], verdict["reason"]) == ("stop", "pruned")
    assert "step 1" in verdict["explanation"]
    assert "5 of 5" in verdict["explanation"]
    assert study.heartbeat(behind).json()["verdict"] == "stop"
    pruned = study.finish(behind, "pruned")
    assert (pruned["state"], pruned["value"]) == ("pruned", 9.0)
    ahead = study.lease()
    assert study.verdict(ahead, (1, 0.01))["verdict"] == "continue"


def test_a_maximizing_study_prunes_the_small_values(new_study: NewStudy) -> None:
    study = new_study(direction="maximize", max_steps=5, pruner={"name": "median", "n_startup_trials": 2})
    for value in (0.8, 0.9):
        trial = study.lease()
        study.verdict(trial, (1, value))
        study.finish(trial)
    assert study.verdict(study.lease(), (1, 0.95))["verdict"] == "continue"
    assert study.verdict(study.lease(), (1, 0.1))["reason"] == "pruned"


def test_the_last_step_is_not_pruned(new_study: NewStudy) -> None:
    study = new_study(max_steps=2, pruner={"name": "threshold", "upper": 1.0})
    assert study.verdict(study.lease(), (2, 5.0))["verdict"] == "continue"


def test_a_report_renews_the_lease_and_so_does_a_heartbeat(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    trial = study.lease()
    for step in (1, 2, 3):
        clock.advance(50)
        study.expire()
        study.verdict(trial, (step, 0.5))
        clock.advance(50)
        study.expire()
        beat = study.heartbeat(trial)
        assert beat.json() == {
            "verdict": "continue",
            "reason": None,
            "explanation": "",
            "lease_ttl_seconds": 60.0,
        }
    assert study.finish(trial)["attempt"] == 1


def test_a_report_for_a_trial_that_is_not_there_is_a_404(study: StudyCalls) -> None:
    trial = study.lease()
    found = assert_problem(study.report({**trial, "number": 7}, (1, 0.5)), 404, "trial-not-found")
    assert "7" in found["detail"]


def test_a_lease_of_another_trial_is_refused(study: StudyCalls) -> None:
    one, other = study.lease(), study.lease()
    crossed = {**one, "lease": other["lease"]}
    for response in (
        study.report(crossed, (1, 0.5)),
        study.heartbeat(crossed),
        study.result(crossed, "complete", value=1.0),
        study.release(crossed),
    ):
        assert_problem(response, 409, "lease-lost")
    assert study.trial(one["number"])["curve"] == []
