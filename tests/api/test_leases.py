import pytest

from tests.api.calls import assert_problem
from tests.api.conftest import NewStudy
from tests.support.clock import Clock

CHECKPOINT = {"uri": "s3://bucket/trial-0/step-4.pt", "step": 4}


def test_a_released_trial_is_leased_again_in_the_same_attempt(each_study: NewStudy) -> None:
    study = each_study(max_steps=9, max_trials=1, pruner={"name": "none"})
    first = study.lease(worker="preempted")
    study.verdict(first, (1, 0.5))
    assert study.release(first).json()["state"] == "waiting"
    assert study.get("/status")["trials"]["waiting"] == 1
    second = study.lease(worker="next")
    same = ("number", "attempt", "params", "max_steps", "resume")
    assert {key: second[key] for key in same} == {key: first[key] for key in same}
    assert second["lease"] != first["lease"]
    assert study.trial(0)["worker"] == "next"
    assert study.trial(0)["curve"] == []


def test_a_released_trial_goes_on_from_its_checkpoint(each_study: NewStudy) -> None:
    study = each_study(max_steps=9, pruner={"name": "none"})
    first = study.lease()
    study.verdict(first, *((step, 1.0 / step) for step in (2, 4, 6)))
    shown = study.release(first, CHECKPOINT).json()
    assert shown["checkpoint"] == CHECKPOINT
    second = study.lease()
    assert (second["attempt"], second["resume"]) == (1, CHECKPOINT)
    assert [point["step"] for point in study.trial(0)["curve"]] == [2, 4]
    study.verdict(second, (6, 0.1))
    assert study.trial(0)["curve"][-1] == {"step": 6, "value": 0.1}


def test_releasing_does_not_use_attempts_up(timed_study: NewStudy) -> None:
    study = timed_study(max_attempts=1)
    for _ in range(4):
        trial = study.lease()
        assert (trial["number"], trial["attempt"]) == (0, 1)
        assert study.release(trial).status_code == 200
    assert study.finish(study.lease(), value=1.0)["state"] == "complete"


def test_a_trial_given_back_with_an_error_has_lost_its_attempt_and_fails_after_the_last(each_study: NewStudy) -> None:
    study = each_study(max_steps=9, max_trials=1, max_attempts=3, pruner={"name": "none"}, failed_counts=True)
    for attempt in (1, 2, 3):
        trial = study.lease(worker="gpu-1")
        assert (trial["number"], trial["attempt"]) == (0, attempt)
        assert trial["resume"] == (CHECKPOINT if attempt > 1 else None)
        shown = study.release(trial, CHECKPOINT, error="SystemExit: 1\0").json()
        assert shown["state"] == ("waiting" if attempt < 3 else "failed")
        assert f"gpu-1 broke attempt {attempt} off: SystemExit: 1\ufffd" in shown["error"]
        assert_problem(study.release(trial, error="again"), 409, "lease-lost")
    assert study.ask().json()["reason"] == "max_trials"


def test_the_log_tells_a_lease_that_expired_from_an_attempt_that_was_broken_off(
    timed_study: NewStudy, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    study = timed_study()
    with caplog.at_level("INFO", "lrtune.service.tuning.trials.leases"):
        study.release(study.lease(), error="SystemExit: 1")
        assert [record.message for record in caplog.records] == ["attempt lost"]
        study.lease()
        clock.advance(61)
        study.expire()
        assert [record.message for record in caplog.records] == ["attempt lost", "lease expired"]


def test_a_repeated_ask_whose_lease_has_ended_gets_a_new_one_or_the_reason(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(max_trials=1)
    first = study.lease("once")
    clock.advance(61)
    study.expire()
    second = study.lease("once")
    assert (second["number"], second["attempt"]) == (0, 2)
    assert second["lease"] != first["lease"]
    assert study.lease("once") == second
    study.release(second)
    third = study.lease("once")
    assert third["lease"] != second["lease"]
    assert study.heartbeat(third).status_code == 200
    study.finish(third, value=0.5)
    assert study.done_reason("once") == "max_trials"


def test_a_repeated_ask_that_comes_late_has_its_lease_for_the_full_time(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    first = study.lease("once")
    clock.advance(59)
    assert study.lease("once") == first
    clock.advance(59)
    study.expire()
    assert study.heartbeat(first).status_code == 200


def test_a_stale_worker_cannot_touch_a_released_trial(each_study: NewStudy) -> None:
    study = each_study()
    stale = study.lease(worker="stale")
    study.release(stale)
    for holder in ("nobody", "new"):
        for response in (
            study.report(stale, (1, 0.5)),
            study.heartbeat(stale),
            study.result(stale, "complete", value=0.0),
            study.release(stale),
        ):
            found = assert_problem(response, 409, "lease-lost")
            assert "stop training" in found["detail"]
        if holder == "nobody":
            study.lease(worker="new")
    assert (study.trial(0)["state"], study.trial(0)["curve"]) == ("running", [])


def test_an_expired_trial_is_the_next_attempt_of_another_worker(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    first = study.lease(worker="dead")
    study.verdict(first, (2, 0.9), (4, 0.8), checkpoint=CHECKPOINT)
    study.verdict(first, (6, 0.7))
    clock.advance(59)
    study.expire()
    assert study.trial(0)["state"] == "running"
    clock.advance(2)
    study.expire()
    assert study.trial(0)["state"] == "waiting"
    second = study.lease(worker="alive")
    assert (second["number"], second["attempt"], second["resume"]) == (0, 2, CHECKPOINT)
    assert second["params"] == first["params"]
    assert [point["step"] for point in study.trial(0)["curve"]] == [2, 4]
    assert_problem(study.report(first, (7, 0.6)), 409, "lease-lost")
    assert study.verdict(second, (9, 0.1))["verdict"] == "continue"
    assert study.finish(second)["state"] == "complete"
    assert_problem(study.result(first, "complete", value=0.0), 409, "lease-lost")
    assert study.trial(0)["value"] == 0.1


def test_steps_of_a_lost_attempt_count_as_trained(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    study.verdict(study.lease(), (5, 0.5))
    clock.advance(61)
    study.expire()
    second = study.lease()
    study.verdict(second, (3, 0.5))
    study.finish(second)
    assert study.get("/status")["steps"]["trained"] == 5 + 3


def test_without_a_checkpoint_an_expired_trial_begins_anew(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    study.verdict(study.lease(), (5, 0.5))
    clock.advance(61)
    study.expire()
    assert study.lease()["resume"] is None
    assert study.trial(0)["curve"] == []


def test_after_max_attempts_a_trial_has_failed(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(max_attempts=3, max_trials=1, failed_counts=True)
    for attempt in (1, 2, 3):
        trial = study.lease()
        assert trial["attempt"] == attempt
        clock.advance(61)
        study.expire()
    shown = study.trial(0)
    assert shown["state"] == "failed"
    assert "attempt 3 of 3" in shown["error"]
    assert study.ask().json()["reason"] == "max_trials"
    assert_problem(study.heartbeat(trial), 409, "lease-lost")


def test_a_trial_that_was_told_to_stop_is_not_trained_again_when_its_worker_dies(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study()
    assert study.verdict(study.lease(), (1, "nan"))["reason"] == "diverged"
    clock.advance(61)
    study.expire()
    assert study.trial(0)["state"] == "diverged"


def test_the_sweeper_takes_expired_leases_back_by_itself(own_study_with_short_leases: NewStudy) -> None:
    study = own_study_with_short_leases()
    trial = study.lease()
    before = study.get("/status")["version"]
    assert study.get("/status", wait_seconds=20, after=before)["trials"]["waiting"] == 1
    assert study.heartbeat(trial).status_code == 200  # Nobody had it meanwhile.
    metrics = study.client.get("/metrics").text
    assert "lrtune_leases_expired_total 1.0" in metrics


def test_an_expired_trial_goes_before_new_ones(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    study.lease()
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.1}})
    clock.advance(61)
    study.expire()
    assert [study.lease()["number"] for _ in range(3)] == [0, 1, 2]


def test_a_paused_study_hands_out_no_released_trial_either(timed_study: NewStudy) -> None:
    study = timed_study()
    study.release(study.lease())
    study.patch(paused=True)
    assert study.ask().json()["done"] is False
    study.patch(paused=False)
    assert study.lease()["number"] == 0


def test_a_checkpoint_alone_can_be_newer_than_the_last_report(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    study.verdict(study.lease(), (1, 0.5), checkpoint={"uri": "file:///tmp/a", "step": 0})
    clock.advance(61)
    study.expire()
    assert study.lease()["resume"] == {"uri": "file:///tmp/a", "step": 0}
