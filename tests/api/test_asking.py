import uuid
from collections import Counter

import pytest
from starlette.testclient import TestClient

from tests.api.calls import SPACE, Json, StudyCalls, assert_in_space, in_threads, train_all
from tests.api.conftest import NewStudy, create, serving
from tests.support.clock import Clock


def test_a_leased_trial_has_all_that_a_worker_needs(new_study: NewStudy) -> None:
    study = new_study(search_space=SPACE, max_steps=30, lease_ttl_seconds=45)
    trial = study.lease()
    assert (trial["number"], trial["attempt"]) == (0, 1)
    assert (trial["lease_ttl_seconds"], trial["max_steps"], trial["resume"]) == (45.0, 30, None)
    assert trial["lease"]
    assert_in_space(SPACE, trial["params"])
    shown = study.trial(0)
    assert (shown["state"], shown["worker"], shown["params"]) == ("running", "host:1", trial["params"])


def test_the_same_request_id_gets_the_same_trial_again(each_study: NewStudy) -> None:
    study = each_study(max_trials=2)
    first = study.lease(request_id="a")
    assert study.lease(request_id="a") == first
    assert study.lease(request_id="b")["number"] == 1
    assert study.lease(request_id="a") == first
    assert len(study.trials()) == 2


@pytest.mark.parametrize("left_out", [{}, {"request_id": None}])
def test_asks_without_a_request_id_get_a_trial_each(new_study: NewStudy, left_out: Json) -> None:
    study = new_study(max_trials=2)
    first, second, third = (study.post("/trials", {"worker": "w", **left_out}) for _ in range(3))
    assert (first.json()["number"], second.json()["number"]) == (0, 1)
    assert third.json()["done"] is False


def test_a_trial_whose_answer_to_an_ask_without_a_request_id_was_lost_is_handed_out_again_when_its_lease_ends(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(max_trials=1)
    assert study.post("/trials", {"worker": "w"}).status_code == 201
    assert study.post("/trials", {"worker": "w"}).json()["done"] is False
    clock.advance(61)
    study.expire()
    again = study.post("/trials", {"worker": "w"}).json()
    assert (again["number"], again["attempt"]) == (0, 2)


def test_one_request_sent_by_many_at_once_gets_one_trial(each_study: NewStudy) -> None:
    study = each_study()
    leased = in_threads(8, lambda _: study.lease(request_id="the-same"))
    assert all(trial == leased[0] for trial in leased)
    assert len(study.trials()) == 1


def test_request_ids_of_two_studies_do_not_meet(new_study: NewStudy) -> None:
    one, other = new_study(), new_study()
    assert one.lease(request_id="r")["lease"] != other.lease(request_id="r")["lease"]


def test_sixteen_askers_never_overshoot_max_trials(each_study: NewStudy) -> None:
    study = each_study(sampler={"name": "random"}, max_trials=25)

    leased = train_all(study, 16, lambda trial: study.finish(trial, value=1.0))
    numbers = [trial["number"] for trial in leased]
    assert sorted(numbers) == list(range(25))
    assert len(study.trials(limit=1000)) == 25
    assert study.ask().json()["reason"] == "max_trials"
    assert study.get("/status")["state"] == "finished"


def test_while_the_last_trials_are_leased_out_an_asker_is_told_to_come_again(new_study: NewStudy) -> None:
    study = new_study(max_trials=1)
    trial = study.lease()
    reply = study.ask().json()
    assert reply["done"] is False
    assert reply["retry_after_seconds"] > 0
    assert study.get("/status")["state"] == "running"
    study.finish(trial, value=1.0)
    assert study.ask().json()["done"] is True


@pytest.mark.parametrize("state", ["diverged", "pruned"])
def test_a_trial_without_success_counts_against_the_budget(new_study: NewStudy, state: str) -> None:
    study = new_study(max_trials=1)
    study.finish(study.lease(), state)
    assert study.ask().json()["reason"] == "max_trials"


def test_max_total_steps_is_not_overshot_by_many(new_study: NewStudy) -> None:
    study = new_study(sampler={"name": "random"}, pruner={"name": "none"}, max_total_steps=33, max_steps=10)
    replies = in_threads(8, lambda _: study.ask())
    leased = [reply.json() for reply in replies if reply.status_code == 201]
    assert len(leased) == 3
    assert all(r.json()["done"] is False for r in replies if r.status_code == 200)
    for trial in leased:
        study.verdict(trial, (10, 0.5))
        study.finish(trial)
    answer = study.ask().json()
    assert (answer["done"], answer["reason"], answer["retry_after_seconds"]) == (True, "max_total_steps", None)
    assert answer["explanation"].startswith("The study is finished: 3 of its 33 steps are left, fewer than the 10")
    assert study.get("/status")["steps"]["trained"] == 30


def test_steps_that_a_trial_did_not_need_are_there_for_another(new_study: NewStudy) -> None:
    study = new_study(pruner={"name": "none"}, max_total_steps=10, max_steps=10)
    first = study.lease()
    assert study.ask().json()["done"] is False
    study.verdict(first, (2, 0.5))
    study.finish(first, "failed")
    assert study.ask().json()["reason"] == "max_total_steps"
    study.patch(max_total_steps=12)
    assert study.lease()["number"] == 1


GRID = {
    "search_space": {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "batch_size": {"type": "categorical", "choices": [32, 64]},
        "num_layers": {"type": "int", "low": 1, "high": 2},
    },
    "sampler": {"name": "grid", "points": 4},
}
BRUTE_FORCE = {
    "search_space": {
        "learning_rate": {"type": "float", "low": 0.1, "high": 0.4, "step": 0.1},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
        "nesterov": {"type": "categorical", "choices": [True, False], "when": {"optimizer": ["sgd"]}},
    },
    "sampler": {"name": "bruteforce"},
}


@pytest.mark.parametrize(
    ("spec", "points"), [(GRID, 4 * 2 * 2), (BRUTE_FORCE, 4 * (2 + 1))], ids=["grid", "bruteforce"]
)
def test_an_enumerating_sampler_hands_out_each_point_once_then_is_done(
    each_study: NewStudy, spec: dict[str, object], points: int
) -> None:
    study = each_study(**spec)

    def train(trial: Json) -> None:
        study.finish(trial, "failed" if trial["number"] % 5 == 4 else "complete", value=1.0)

    trained = [str(sorted(trial["params"].items())) for trial in train_all(study, 6, train)]
    assert Counter(Counter(trained).values()) == {1: points}
    assert study.ask().json()["reason"] == "search_space_exhausted"
    assert study.get("/status")["state"] == "finished"


@pytest.mark.parametrize(
    ("spec", "points"), [(GRID, 4 * 2 * 2), (BRUTE_FORCE, 4 * (2 + 1))], ids=["grid", "bruteforce"]
)
@pytest.mark.parametrize("before", ["enqueued", "recorded"])
def test_a_point_that_was_tried_by_other_ways_does_not_end_the_search_early(
    new_study: NewStudy, spec: dict[str, object], points: int, before: str
) -> None:
    twin = new_study(**spec)
    ahead = [twin.lease()["params"] for _ in range(3)][-1]
    study = new_study(**spec)
    if before == "enqueued":
        assert study.post("/trials/enqueue", {"params": ahead}).status_code == 201
    else:
        assert study.post("/trials/record", {"params": ahead, "value": 1.0}).status_code == 201
    train_all(study, 1, lambda trial: study.finish(trial, value=1.0))
    assert study.ask().json()["reason"] == "search_space_exhausted"
    tried = [str(sorted(trial["params"].items())) for trial in study.trials(limit=1000)]
    assert Counter(Counter(tried).values()) == {1: points}


def test_asks_of_one_study_do_not_wait_for_those_of_another(new_study: NewStudy) -> None:
    studies = [new_study(sampler={"name": "random"}) for _ in range(4)]
    leased = in_threads(8, lambda index: studies[index % 4].lease())
    assert Counter(trial["number"] for trial in leased) == {0: 4, 1: 4}


def test_what_is_leased_survives_a_restart(storage_url: str) -> None:
    with serving(storage_url) as client:
        study = create(client, max_steps=5, max_trials=1)
        request_id = uuid.uuid4().hex
        trial = study.lease(request_id)
        study.verdict(trial, (1, 0.5))
    with serving(storage_url) as client:
        study = StudyCalls(client, study.name)
        assert study.lease(request_id) == trial
        assert study.verdict(trial, (2, 0.25))["verdict"] == "continue"
        assert study.finish(trial)["value"] == 0.25
        assert study.ask().json()["done"] is True


def test_workers_are_named_as_they_named_themselves(client: TestClient, study: StudyCalls) -> None:
    trial = study.lease(worker="gpu-17.cluster:4242 ü")
    assert study.trial(trial["number"])["worker"] == "gpu-17.cluster:4242 ü"
