import pytest

from tests.api.calls import StudyCalls, assert_problem, in_threads
from tests.api.conftest import NewStudy
from tests.support.clock import Clock


@pytest.mark.parametrize(
    ("state", "more", "value"),
    [
        ("complete", {"value": 0.03}, 0.03),
        ("complete", {"value": 3}, 3.0),
        ("failed", {"error": "CUDA out of memory"}, None),
        ("diverged", {}, None),
        ("pruned", {}, 0.5),
    ],
)
def test_a_trial_ends_as_its_worker_says(
    each_study: NewStudy, state: str, more: dict[str, object], value: float | None
) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    shown = study.finish(trial, state, **more)
    assert (shown["state"], shown["value"], shown["error"]) == (state, value, more.get("error"))
    assert shown["finished_at"] is not None
    assert shown["duration_seconds"] >= 0
    assert study.trial(trial["number"]).items() >= shown.items()
    assert study.get("/status")["trials"][state] == 1


def test_a_complete_trial_without_a_value_takes_its_last_report(study: StudyCalls) -> None:
    trial = study.lease()
    study.verdict(trial, (1, 0.5), (2, 0.125))
    assert study.finish(trial)["value"] == 0.125


def test_a_complete_trial_without_value_and_reports_is_refused_and_goes_on(study: StudyCalls) -> None:
    trial = study.lease()
    assert assert_problem(study.result(trial, "complete"), 422)["errors"][0]["loc"] == ["value"]
    assert study.finish(trial, value=1.0)["state"] == "complete"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_complete_trial_with_a_non_finite_value_has_diverged(each_study: NewStudy, value: str) -> None:
    study = each_study(max_trials=1)
    trial = study.lease()
    shown = study.finish(trial, value=value)
    assert (shown["state"], shown["value"]) == ("diverged", None)
    assert study.finish(trial, value=value) == shown
    assert study.get("/status")["best"] is None


def test_a_complete_trial_whose_last_report_is_nan_has_diverged(study: StudyCalls) -> None:
    trial = study.lease()
    study.verdict(trial, (1, "nan"))
    assert study.finish(trial)["state"] == "diverged"


@pytest.mark.parametrize("state", ["complete", "failed", "diverged", "pruned"])
def test_a_replayed_result_changes_nothing(each_study: NewStudy, state: str) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    shown = study.finish(trial, state)
    before = study.get("/status")
    assert study.finish(trial, state) == shown
    assert study.get("/status") == before


def test_one_result_sent_by_many_at_once_ends_the_trial_once(each_study: NewStudy) -> None:
    study = each_study()
    trial = study.lease()
    shown = in_threads(8, lambda _: study.finish(trial, value=0.5))
    assert all(one == shown[0] for one in shown)


@pytest.mark.parametrize(("state", "value"), [("complete", 0.75), ("failed", None), ("pruned", None)])
def test_another_result_for_an_ended_trial_is_refused(study: StudyCalls, state: str, value: float | None) -> None:
    trial = study.lease()
    study.finish(trial, value=0.5)
    found = assert_problem(study.result(trial, state, value=value), 409, "lease-lost")
    assert "complete" in found["detail"]
    assert study.trial(0)["value"] == 0.5


def test_nothing_more_is_taken_for_an_ended_trial(study: StudyCalls) -> None:
    trial = study.lease()
    study.finish(trial, value=0.5)
    for response in (study.report(trial, (1, 0.5)), study.heartbeat(trial), study.release(trial)):
        assert_problem(response, 409, "lease-lost")


def test_a_stale_worker_gets_409_even_for_a_result_that_would_be_refused(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    stale = study.lease()
    clock.advance(61)
    study.expire()
    study.lease()
    assert_problem(study.result(stale, "complete"), 409, "lease-lost")


def test_a_result_keeps_a_long_error_text(each_study: NewStudy) -> None:
    study = each_study()
    text = "Traceback …\n" * 1000
    study.finish(study.lease(), "failed", error=text)
    assert study.trial(0)["error"] == text


@pytest.mark.parametrize("value", [1.7976931348623157e308, -1e-320, 5e-324, 0.1 + 0.2])
def test_values_are_kept_to_the_last_bit(each_study: NewStudy, value: float) -> None:
    study = each_study(max_steps=5, pruner={"name": "none"})
    trial = study.lease()
    study.verdict(trial, (1, value))
    assert study.finish(trial, value=value)["value"] == value
    assert study.trial(0)["curve"][0]["value"] == value
