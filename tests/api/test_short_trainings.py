"""Short trainings by lease, over HTTP, on both databases."""

from tests.api.calls import StudyCalls
from tests.api.conftest import NewStudy

LENGTHS = [1, 1, 1, 1, 1, 1, 1, 3, 3, 9, 9]


def trained(study: StudyCalls, count: int) -> list[int]:
    """Train so many trials, the highest rates worst; how long each was asked to be."""
    lengths = []
    for _ in range(count):
        trial = study.lease(anneals=True, resumable=True)
        value = 1 + trial["params"]["learning_rate"] + 1 / trial["max_steps"]
        assert study.verdict(trial, (trial["max_steps"], value))["verdict"] == "continue"
        study.finish(trial)
        lengths.append(trial["max_steps"])
    return lengths


def test_a_study_of_the_rate_alone_climbs_by_default(each_study: NewStudy) -> None:
    study = each_study(max_steps=9, max_trials=12)
    assert study.get()["short_trainings"] == "auto"
    assert trained(study, 12) == [*LENGTHS, 9]
    assert study.done_reason(anneals=True) == "max_trials"
    status = study.get("/status")
    assert (status["trials"]["complete"], status["short_trainings"]) == (12, 9)
    assert status["best"]["trial"] in (9, 10, 11)
    assert status["suggestion"]["basis"] == "posterior"
    assert status["suggestion"]["trials"] == 12
    assert [trial["max_steps"] for trial in study.trials(state="complete")] == [*LENGTHS, 9]
    assert study.client.get(f"{study.path}/trials.csv").text.count(",complete,") == 12
    response = study.get("/response")
    full = {point["trial"] for point in response["points"] if point["state"] != "short"}
    assert full == {9, 10, 11}, "short trainings are points of another state"
    assert len(response["points"]) == 12
    assert response["counts"] == {"complete": 3, "short": 9}
    assert response["trials"] == 3
    assert response["suggested"] == status["suggestion"]["learning_rate"]
    replays = study.get("/replays")["items"]
    assert [one["stopped_at"] for one in replays[:11]] == [None] * 11
    assert study.trial(0)["diagnosis"] is not None


def test_who_waits_is_told_when_to_ask_again(new_study: NewStudy) -> None:
    study = new_study(max_steps=90)
    for _ in range(5):
        study.lease(anneals=True)
    reply = study.ask(anneals=True)
    assert reply.status_code == 200
    assert reply.json()["done"] is False
    assert reply.json()["retry_after_seconds"] > 0


def test_short_trainings_can_be_turned_off_and_on(new_study: NewStudy) -> None:
    study = new_study(max_steps=9, short_trainings="none")
    assert study.lease(anneals=True)["max_steps"] == 9
    assert study.patch(short_trainings="auto")["short_trainings"] == "auto"
    assert study.patch(description="d")["short_trainings"] == "auto"
    assert study.lease(anneals=True)["max_steps"] == 1
    assert study.lease(anneals=False)["max_steps"] == 9
    assert study.client.patch(study.path, json={"short_trainings": "all"}).status_code == 422
    schema = study.client.get("/openapi.json").json()["components"]["schemas"]
    assert "short_trainings" in schema["NewStudy"]["properties"]
