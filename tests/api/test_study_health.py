"""`GET /v1/studies/{study}/health`."""

from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy
from tests.support.clock import Clock


def cards(study: StudyCalls) -> dict[str, Json]:
    """By the question."""
    return {card["question"]: card for card in study.get("/health")["cards"]}


def test_of_a_study_without_trials_nothing_is_known(study: StudyCalls) -> None:
    found = study.get("/health")
    assert found["study"] == study.name
    assert len(found["cards"]) == 7
    for card in found["cards"]:
        assert card["state"] == "unknown"
        assert card["says"]
        assert card["trials"] == []


def test_a_study_that_is_not_there_has_no_health(client: TestClient) -> None:
    assert_problem(client.get("/v1/studies/nowhere/health"), 404)


def test_trials_that_all_diverge_and_fail_alike_are_told(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(name="ill")
    for _ in range(4):
        trial = study.lease()
        study.verdict(trial, (1, 0.5), (2, "nan"))
        study.finish(trial, "diverged")
        study.finish(study.lease(), "failed", error="KeyError: 7")
    found = cards(study)
    assert found["Are trainings diverging?"]["state"] == "bad"
    assert found["Are trainings diverging?"]["trials"] == [0, 2, 4, 6]
    bug = found["Are failures one bug?"]
    assert (bug["state"], bug["trials"]) == ("bad", [1, 3, 5, 7])
    assert "KeyError: 7" in bug["says"]
    assert "lrtune study trials ill --failed" in bug["remedy"]


def test_leases_that_one_worker_lets_run_out_are_told_and_those_it_gave_up_are_not(
    timed_study: NewStudy, clock: Clock
) -> None:
    study = timed_study(name="lapsing", max_attempts=1)
    for _ in range(3):
        study.lease(worker="gpu-7:1")
        clock.advance(61)
        study.expire()
        error = "gpu-8:1 did not renew the lease of attempt 1 in time"
        study.finish(study.lease(worker="gpu-8:1"), "failed", error=error)
    card = cards(study)["Is a worker hung?"]
    assert card["state"] == "look"
    assert "3 leases of gpu-7:1 ran out" in card["says"]
    assert "gpu-8:1" not in card["says"]


def test_a_worker_that_renews_its_lease_and_reports_nothing_is_told(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(name="slow")
    trial = study.lease(worker="gpu-7:1")
    for step in range(1, 5):
        clock.now += 2.0
        study.verdict(trial, (step, 1.0 / step))
    assert cards(study)["Is a worker hung?"]["state"] == "good"
    for _ in range(30):
        clock.now += 30.0
        assert study.heartbeat(trial).status_code == 200
    card = cards(study)["Is a worker hung?"]
    assert (card["state"], card["trials"]) == ("bad", [0])
    assert "Trial 0, held by gpu-7:1, has not reported since " in card["says"]
    study.verdict(trial, (5, 0.1))
    clock.now += 6.0
    assert cards(study)["Is a worker hung?"]["state"] == "good"


def test_a_busy_study_is_looked_at_once_in_some_seconds(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(name="busy")
    before = study.get("/health")
    study.finish(study.lease(), "failed", error="no")
    clock.now += 4.0
    assert study.get("/health") == before
    clock.now += 2.0
    after = study.get("/health")
    assert after["version"] > before["version"]
    assert after["cards"] != before["cards"]


def test_leases_that_run_out_with_one_worker_are_told(timed_study: NewStudy, clock: Clock) -> None:
    study = timed_study(name="dying", max_attempts=1)
    for _ in range(3):
        study.lease(worker="gpu-3:9")
        clock.now += 61.0
        study.expire()
    card = cards(study)["Is a worker hung?"]
    assert (card["state"], card["trials"]) == ("look", [0, 1, 2])
    assert "3 leases of gpu-3:9 ran out" in card["says"]


def test_odd_values_and_a_study_without_a_rate_are_looked_at(new_study: NewStudy) -> None:
    space = {"depth": {"type": "int", "low": 1, "high": 50}, "loss": {"type": "categorical", "choices": ["a", "b"]}}
    study = new_study(search_space=space, direction="maximize", max_steps=4)
    for depth in range(1, 26):
        body: Json = {"params": {"depth": depth, "loss": "a"}, "reports": [{"step": 1, "value": "-inf"}]}
        ended = {"value": 1e308 * (-1) ** depth} if depth % 5 else {"state": "diverged"}
        assert study.post("/trials/record", body | ended).status_code == 201
    for card in study.get("/health")["cards"]:
        assert card["state"] in ("good", "look", "bad", "unknown")
        assert card["says"]
