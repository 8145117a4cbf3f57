"""Pause, promotion and replay over HTTP."""

import pytest

from tests.api.calls import SPACE, StudyCalls
from tests.api.conftest import NewStudy

STEPS = 10


def paused(study: StudyCalls) -> int:
    """A trial that was told to pause, and given back with a checkpoint; its number."""
    trial = study.lease(resumable=True)
    for step in range(1, STEPS):
        told = study.report(trial, (step, 1 / step), checkpoint={"uri": f"s3://w/{step}", "step": step}).json()
        if told["verdict"] == "pause":
            assert told["reason"] == "paused"
            assert told["explanation"].startswith(f"Paused at step {step} of {STEPS}")
            released = study.post(f"/trials/{trial['number']}/release", {"lease": trial["lease"]}).json()
            assert (released["state"], released["explanation"]) == ("waiting", told["explanation"])
            return int(trial["number"])
    pytest.fail("it was not paused")


def test_a_paused_trial_waits_and_is_leased_again_with_its_checkpoint(new_study: NewStudy) -> None:
    study = new_study(max_trials=1, max_steps=STEPS)
    number = paused(study)
    status = study.get("/status")
    assert (status["state"], status["trials"]["waiting"]) == ("running", 1)
    shown = study.trial(number)
    again = study.lease(resumable=True)
    assert again["number"] == number
    assert again["resume"] == shown["checkpoint"]
    assert study.trial(number)["explanation"] is None, "it is no longer paused"


def test_a_trainer_that_cannot_resume_is_never_told_to_pause(new_study: NewStudy) -> None:
    study = new_study(max_trials=2, max_steps=STEPS)
    trial = study.lease(resumable=False)
    told = {study.report(trial, (step, 1 / step)).json()["verdict"] for step in range(1, STEPS + 1)}
    assert told == {"continue"}


def test_replays_say_where_auto_would_have_stopped_each_trial(new_study: NewStudy) -> None:
    study = new_study(search_space=SPACE, max_steps=20, pruner={"name": "none"})
    for number, quality in enumerate((0.1, 0.2, 0.3, 0.4, 0.5, 9.0)):
        params = {"learning_rate": 0.01, "batch_size": 32, "optimizer": "adamw", "num_layers": 1 + number}
        reports = [{"step": step, "value": quality + 1 / step} for step in range(1, 21)]
        assert study.post("/trials/record", {"params": params, "reports": reports}).status_code == 201
    study.lease()
    whole = study.get("/replays")
    assert whole["next_cursor"] is None
    assert [found["trial"] for found in whole["items"]] == list(range(6)), "running trials are not over"
    best, worst = whole["items"][0], whole["items"][5]
    assert (best["stopped_at"], best["saved_steps"], best["state"]) == (None, 0, "complete")
    assert worst["stopped_at"] < 20
    assert worst["saved_steps"] == 20 - worst["stopped_at"]
    assert "rank is 6 of 6" in worst["explanation"]
    page = study.get("/replays", limit=4)
    rest = study.get("/replays", limit=4, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == whole["items"]
    assert study.get("/trials/5/replay") == worst


def test_a_diverged_trial_would_have_been_stopped_there(new_study: NewStudy) -> None:
    study = new_study(max_steps=20)
    reports = [{"step": 1, "value": 1.0}, {"step": 2, "value": "nan"}, {"step": 3, "value": "nan"}]
    body = {"params": {"learning_rate": 0.5}, "reports": reports, "state": "diverged"}
    assert study.post("/trials/record", body).status_code == 201
    found = study.get("/trials/0/replay")
    assert (found["stopped_at"], found["saved_steps"]) == (2, 1)
    assert found["explanation"] == "The value at step 2 is nan."


def test_only_what_is_over_is_replayed(new_study: NewStudy) -> None:
    study = new_study()
    study.lease()
    answer = study.client.get(f"{study.path}/trials/0/replay")
    assert answer.status_code == 422
    assert "only what is over can be replayed" in answer.text
    assert study.client.get(f"{study.path}/trials/7/replay").status_code == 404
