"""Trials that fail: what they cost of the budget, and when a study stops handing out because of them."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls
from tests.api.conftest import NewStudy, create, serving

PLAIN: Json = {"sampler": {"name": "random"}, "pruner": {"name": "none"}, "max_steps": 5}
BUG = 'Traceback (most recent call last):\n  File "/tmp/run-{n}/a.py", line {n}, in train\nRuntimeError: no GPU {n}'


def ask(study: StudyCalls) -> Json:
    answer: Json = study.post("/trials", {"worker": "w", "request_id": str(uuid.uuid4())}).json()
    return answer


def fail(study: StudyCalls, count: int = 1, error: str | None = BUG) -> None:
    for n in range(count):
        more: dict[str, Any] = {} if error is None else {"error": error.format(n=n)}
        study.finish(study.lease(), "failed", **more)


def test_a_failed_trial_leaves_its_place_to_another(each_study: NewStudy) -> None:
    study = each_study(**PLAIN, max_trials=2)
    fail(study)
    for _ in range(2):
        study.finish(study.lease(), value=0.5)
    answer = ask(study)
    assert (answer["done"], answer["reason"]) == (True, "max_trials")
    assert "1 more failed, which the budget does not count" in answer["explanation"]
    assert len(study.get("/trials")["items"]) == 3
    assert study.get()["state"] == "finished"


def test_with_failed_counts_a_failed_trial_has_spent_its_place(new_study: NewStudy) -> None:
    study = new_study(**PLAIN, max_trials=2, failed_counts=True)
    fail(study, 2)
    answer = ask(study)
    assert (answer["done"], answer["reason"]) == (True, "max_trials")
    assert "2 of them failed" in answer["explanation"]


def test_the_steps_of_failed_trials_are_spent(new_study: NewStudy) -> None:
    study = new_study(**PLAIN, max_total_steps=10)
    trial = study.lease()
    study.verdict(trial, (5, 0.5))
    study.finish(trial, "failed", error="late")
    second = study.lease()
    study.verdict(second, (5, 0.5))
    study.finish(second)
    assert ask(study)["reason"] == "max_total_steps"


@pytest.mark.parametrize("failed_counts", [False, True])
def test_64_workers_never_have_more_trials_than_the_budget_beside_those_that_failed(
    new_study: NewStudy, failed_counts: bool
) -> None:
    study = new_study(**PLAIN, max_trials=40, failed_counts=failed_counts)

    def work(worker: int) -> None:
        while True:
            answer = ask(study)
            if "number" not in answer:
                if answer["done"]:
                    return
                continue
            if answer["number"] % 4 == 1:
                study.finish(answer, "failed", error=f"{chr(65 + answer['number'] % 26)} is missing")
            else:
                study.finish(answer, value=0.5)

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(work, range(64)))
    trials = study.get("/status")["trials"]
    assert trials["complete"] + (trials["failed"] if failed_counts else 0) == 40
    assert trials["failed"] > 0


def test_five_equal_errors_stop_the_handing_out_with_the_reason_and_resume_lets_five_more_be_tried(
    each_study: NewStudy,
) -> None:
    study = each_study(**PLAIN, max_trials=50)
    for _ in range(2):
        fail(study, 5)
        answer = ask(study)
        assert (answer["done"], answer["reason"], answer["halted"]) == (True, "stopped", True)
        said = (
            "The last 5 trials failed with the same error, so no trial is handed out: RuntimeError: no GPU 4. "
            f"Mend it, then run `lrtune study resume {study.name}`."
        )
        assert answer["explanation"] == said
        status = study.get("/status")
        assert (status["state"], status["halted"], status["explanation"]) == ("paused", said, said)
        assert study.get()["state"] == "paused"
        study.patch(paused=False)
        assert study.get("/status")["halted"] is None
        assert study.get()["state"] == "running"
    study.finish(study.lease(), value=0.5)


def test_four_equal_errors_or_five_different_ones_stop_nothing(new_study: NewStudy) -> None:
    study = new_study(**PLAIN)
    fail(study, 4)
    fail(study, 1, "KeyError: 'other'")
    fail(study, 4)
    assert "number" in ask(study)


@pytest.mark.parametrize("outcome", ["complete", "pruned", "diverged"])
def test_a_trial_that_ended_otherwise_ends_the_row_of_failures(new_study: NewStudy, outcome: str) -> None:
    study = new_study(**PLAIN)
    fail(study, 4)
    trial = study.lease()
    study.verdict(trial, (1, 0.5))
    study.finish(trial, outcome)
    fail(study, 4)
    study.finish(study.lease(), value=0.5)


def test_a_trial_in_training_that_ends_well_sets_the_study_going_again(new_study: NewStudy) -> None:
    study = new_study(**PLAIN)
    slow = study.lease()
    fail(study, 5)
    waiting = ask(study)
    assert (waiting["done"], waiting["reason"]) == (False, None), "others are told only when nothing is in training"
    assert "by itself if one of those in training ends well" in study.get("/status")["halted"]
    study.finish(slow, value=0.5)
    study.finish(study.lease(), value=0.5)


def test_failures_that_do_not_say_why_stop_a_study_after_twenty(new_study: NewStudy) -> None:
    study = new_study(**PLAIN)
    fail(study, 4)
    fail(study, 15, None)
    assert study.get("/status")["halted"] is None
    fail(study, 1, None)
    assert ask(study)["halted"]
    assert study.get("/status")["halted"].startswith("The last 20 trials all failed")


def test_a_halted_study_hands_out_no_waiting_trial_either(new_study: NewStudy) -> None:
    study = new_study(**PLAIN)
    fail(study, 5)
    assert study.post("/trials/enqueue", {"params": {"learning_rate": 0.1}}).status_code == 201
    assert ask(study)["halted"]


def test_a_spent_budget_goes_before_failures(new_study: NewStudy) -> None:
    study = new_study(**PLAIN, max_trials=5, failed_counts=True)
    fail(study, 5)
    assert ask(study)["reason"] == "max_trials"
    assert study.get()["state"] == "finished"


def test_a_halt_is_there_after_a_restart_also_in_the_list_of_studies(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/halted.db"
    with serving(url) as client:
        study = create(client, **PLAIN, max_trials=9)
        fail(study, 5)
        other = create(client, **PLAIN, max_trials=1)
        fail(other)
    with serving(url) as client:
        listed = {one["name"]: one["state"] for one in client.get("/v1/studies").json()["items"]}
        assert listed == {study.name: "paused", other.name: "running"}, "read without loading their trials"
        again = StudyCalls(client, study.name)
        assert ask(again)["halted"]
        again.patch(paused=False)
        fail(again, 4)
        again.finish(again.lease(), value=0.5)


def test_the_status_says_what_state_it_is_and_why(client: TestClient, new_study: NewStudy) -> None:
    study = new_study(**PLAIN, max_trials=2)
    name = study.name

    def said() -> str:
        text: str = study.get("/status")["explanation"]
        return text

    assert said() == f"The study is open, but no worker is training. `lrtune worker --study {name}` starts one."
    first = study.lease()
    assert said() == "The study is running: 1 trial is in training."
    study.patch(paused=True)
    assert said().startswith("The study was paused, so no trial is handed out. The 1 trial in training goes on.")
    study.patch(paused=False)
    second = study.lease()
    assert said() == (
        "The study is running, and the 2 trials of the budget are all handed out: 2 trials are in training. "
        "No other is begun unless one of them fails."
    )
    study.finish(first, value=0.5)
    study.finish(second, value=0.5)
    assert said() == (
        "The study is finished: the 2 trials of its budget are over. "
        f"`lrtune study set {name} --max-trials N` with a larger N sets it going again."
    )
    study.patch(stopped=True)
    assert said() == (
        f"The study was stopped, so no trial is handed out. `lrtune study resume {name}` sets it going again."
    )
