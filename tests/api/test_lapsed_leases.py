"""A worker that comes back after its lease ran out: it goes on as long as nobody else was given its trial."""

import pytest

from tests.api.calls import StudyCalls, assert_problem
from tests.api.conftest import NewStudy
from tests.support.clock import Clock

CHECKPOINT = {"uri": "s3://bucket/step-2.pt", "step": 2}


def lapse(study: StudyCalls, clock: Clock) -> None:
    clock.advance(61)
    study.expire()


def test_reports_of_a_lapsed_lease_are_taken_in_and_renew_it_while_the_trial_waits(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study()
    trial = study.lease()
    study.verdict(trial, (1, 0.9), (2, 0.8), checkpoint=CHECKPOINT)
    lapse(study, clock)
    assert study.trial(0)["state"] == "waiting"
    assert study.verdict(trial, (3, 0.7), (4, 0.6))["verdict"] == "continue"
    shown = study.trial(0)
    assert (shown["state"], shown["attempt"], shown["error"]) == ("running", 1, None)
    assert [point["step"] for point in shown["curve"]] == [1, 2, 3, 4]
    assert study.lease()["number"] == 1, "it is on lease, and handed out to nobody else"
    clock.advance(59)
    study.expire()
    assert study.trial(0)["state"] == "running"
    assert study.finish(trial)["state"] == "complete"
    assert study.get("/status")["steps"]["trained"] == 4


@pytest.mark.parametrize("call", ["heartbeat", "result", "release"])
def test_any_call_with_a_lapsed_lease_takes_it_up_again(timed_study: NewStudy, clock: Clock, call: str) -> None:
    study = timed_study()
    trial = study.lease()
    study.verdict(trial, (2, 0.8))
    lapse(study, clock)
    if call == "heartbeat":
        assert study.heartbeat(trial).status_code == 200
        assert study.trial(0)["state"] == "running"
    elif call == "result":
        assert study.finish(trial)["state"] == "complete"
    else:
        assert study.release(trial, CHECKPOINT).json()["checkpoint"] == CHECKPOINT
        again = study.lease()
        assert (again["number"], again["attempt"], again["resume"]) == (0, 1, CHECKPOINT), "its attempt was not lost"


def test_a_lapsed_lease_opens_nothing_once_another_worker_has_the_trial(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    stale = study.lease(worker="away")
    lapse(study, clock)
    new = study.lease(worker="new")
    assert new["number"] == 0
    for response in (study.report(stale, (1, 0.5)), study.heartbeat(stale), study.release(stale)):
        assert "is held by new now" in assert_problem(response, 409, "lease-lost")["detail"]
    assert study.verdict(new, (1, 0.4))["verdict"] == "continue"
    assert study.trial(0)["curve"] == [{"step": 1, "value": 0.4}]


def test_a_lease_that_was_taken_up_again_and_given_back_is_over(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study()
    trial = study.lease()
    lapse(study, clock)
    study.heartbeat(trial)
    assert study.release(trial).status_code == 200
    for response in (study.report(trial, (1, 0.5)), study.heartbeat(trial), study.release(trial)):
        assert_problem(response, 409, "lease-lost")


def test_a_trial_that_failed_with_the_lapse_of_its_last_attempt_stays_failed(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(max_attempts=1)
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    lapse(study, clock)
    found = assert_problem(study.report(trial, (2, 0.4)), 409, "lease-lost")
    assert "trial 0 is failed already" in found["detail"]


def test_one_lease_that_lapses_several_times_costs_one_attempt(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(max_attempts=2)
    trial = study.lease()
    for step in (1, 2, 3):
        study.verdict(trial, (step, 0.5))
        lapse(study, clock)
        assert study.trial(0)["state"] == "waiting"
    assert study.lease()["attempt"] == 2


def test_a_lapsed_lease_is_taken_up_only_where_the_steps_to_its_end_are_left(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(max_steps=10, max_total_steps=24, pruner={"name": "none"})
    away, other = study.lease(), study.lease()
    study.verdict(away, (6, 0.5))
    study.verdict(other, (6, 0.5))
    lapse(study, clock)
    anew = study.lease()  # From its start: 12 steps are trained, 10 more fit, and no 4 beside them.
    assert (anew["number"], anew["attempt"]) == (other["number"], 2)
    found = assert_problem(study.report(away, (7, 0.4)), 409, "lease-lost")
    assert "has no longer the 4 steps to its end" in found["detail"]
    study.verdict(anew, *((step, 0.3) for step in range(1, 11)))
    study.finish(anew)
    assert study.get("/status")["steps"]["trained"] <= 24


def test_a_paused_trial_whose_lease_lapsed_takes_the_checkpoint_that_its_worker_brings(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(max_steps=9, sampler={"name": "auto"}, pruner={"name": "auto"})
    trial = study.lease(resumable=True)
    step = 0
    while study.verdict(trial, (step := step + 1, 0.5))["verdict"] == "continue":
        assert step < 9
    lapse(study, clock)
    assert study.get("/status")["trials"]["waiting"] == 1
    checkpoint = {"uri": "s3://bucket/pause.pt", "step": step}
    shown = study.release(trial, checkpoint).json()
    assert (shown["state"], shown["checkpoint"]) == ("waiting", checkpoint)
