"""A point that is enqueued or recorded twice under one request id is there once."""

import pytest

from lrtune.service.tuning.errors import RequestIdTaken
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Record
from tests.api.calls import Json, assert_problem, in_threads
from tests.api.conftest import NewStudy
from tests.support.tuning import Tuning

RATE = {"learning_rate": 0.01}
CURVE = [{"step": 1, "value": 0.5}, {"step": 2, "value": "nan"}, {"step": 3, "value": 0.25}]
BODIES: dict[str, Json] = {
    "enqueue": {"params": RATE},
    "record": {"params": RATE, "reports": CURVE, "value": 0.25},
}


@pytest.mark.parametrize("way", BODIES)
def test_a_replay_gets_the_same_trial_and_writes_nothing(each_study: NewStudy, way: str) -> None:
    study = each_study(max_trials=1)
    body = {**BODIES[way], "request_id": "once"}
    first = study.post(f"/trials/{way}", body)
    version = study.get("/status")["version"]
    again = study.post(f"/trials/{way}", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(study.trials()) == 1
    assert study.get("/status")["version"] == version


@pytest.mark.parametrize("way", BODIES)
def test_copies_that_come_together_make_one_trial(each_study: NewStudy, way: str) -> None:
    study = each_study()
    body = {**BODIES[way], "request_id": "once"}
    answers = in_threads(6, lambda _: study.post(f"/trials/{way}", body))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert [trial["number"] for trial in study.trials()] == [0]


@pytest.mark.parametrize("way", BODIES)
def test_without_a_request_id_or_with_another_each_is_a_trial_of_its_own(each_study: NewStudy, way: str) -> None:
    study = each_study()
    for extra in ({}, {}, {"request_id": "a"}, {"request_id": "b"}, {"request_id": None}):
        assert study.post(f"/trials/{way}", {**BODIES[way], **extra}).status_code == 201
    assert len(study.trials()) == 5


@pytest.mark.parametrize(
    ("way", "changed"),
    [
        ("enqueue", {"params": {"learning_rate": 0.02}}),
        ("record", {"params": {"learning_rate": 0.02}}),
        ("record", {"value": 0.5}),
        ("record", {"state": "failed"}),
        ("record", {"reports": [{"step": 1, "value": 0.5}, {"step": 2, "value": 0.5}, {"step": 3, "value": 0.25}]}),
        ("record", {"reports": []}),
    ],
    ids=str,
)
def test_the_same_id_with_another_body_is_a_conflict(each_study: NewStudy, way: str, changed: Json) -> None:
    study = each_study()
    body = {**BODIES[way], "request_id": "once"}
    study.post(f"/trials/{way}", body)
    found = assert_problem(study.post(f"/trials/{way}", {**body, **changed}), 409, "request-id-taken")
    assert "trial 0" in found["detail"]
    assert len(study.trials()) == 1


def test_a_point_enqueued_is_not_taken_for_one_recorded_nor_for_one_asked_for(each_study: NewStudy) -> None:
    study = each_study(sampler={"name": "random"})
    enqueue, record = ({**body, "request_id": "x"} for body in BODIES.values())
    assert study.post("/trials/record", record).status_code == 201
    assert_problem(study.post("/trials/enqueue", enqueue), 409, "request-id-taken")
    leased = study.lease(request_id="x")
    assert leased["number"] == 1
    assert study.lease(request_id="x") == leased
    assert study.post("/trials/record", record).json()["number"] == 0
    asked = study.lease(request_id="y")
    assert study.post("/trials/enqueue", {**enqueue, "request_id": "y"}).json()["number"] not in (0, 1, asked["number"])


def test_a_replay_finds_its_trial_after_restarts_whatever_has_become_of_it(storage_url: str) -> None:
    enqueue = Enqueue.model_validate({**BODIES["enqueue"], "request_id": "queued"})
    record = Record.model_validate({**BODIES["record"], "request_id": "kept"})
    with Tuning(storage_url) as tuning:
        tuning.create(name="s")
        assert tuning.run(tuning.trials.record("s", record))[1]
        assert tuning.run(tuning.trials.enqueue("s", enqueue))[1]
        leased = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id="queued")))
        assert isinstance(leased, LeasedTrial)
        assert leased.number == 1
    with Tuning(storage_url) as tuning:
        for number, request in enumerate((record, enqueue)):
            ways = {Record: tuning.trials.record, Enqueue: tuning.trials.enqueue}
            trial, fresh = tuning.run(ways[type(request)]("s", request))  # type: ignore[operator]
            assert (trial.number, fresh) == (number, False)
        again = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id="queued")))
        assert again == leased
        with pytest.raises(RequestIdTaken):
            tuning.run(tuning.trials.record("s", record.model_copy(update={"value": 0.75})))
        assert len(tuning.run(tuning.studies.get("s")).trials) == 2


def test_the_replay_of_a_point_that_used_up_the_budget_gets_it_again(each_study: NewStudy) -> None:
    study = each_study(max_trials=1)
    body = {**BODIES["enqueue"], "request_id": "last"}
    assert study.post("/trials/enqueue", body).status_code == 201
    assert_problem(study.post("/trials/enqueue", {**body, "request_id": "more"}), 409, "budget-spent")
    study.finish(study.lease(), value=0.5)
    again = study.post("/trials/enqueue", body)
    assert (again.status_code, again.json()["state"]) == (200, "complete")
