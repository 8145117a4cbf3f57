"""What changes a study, or takes a trial away, leaves a line; what workers do all the time leaves none."""

import logging
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.calls import StudyCalls
from tests.api.conftest import NewStudy
from tests.support.clock import Clock


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "lrtune")
    return caplog


def _of(lines: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [vars(record) for record in lines.records if record.message == event]


def test_creating_changing_and_deleting_a_study_leave_a_line_each(
    client: TestClient, lines: pytest.LogCaptureFixture
) -> None:
    client.post("/v1/studies", json={"name": "told-of"})
    client.patch("/v1/studies/told-of", json={"paused": True, "description": "long"})
    client.post("/v1/studies/told-of/trials/record", json={"params": {"learning_rate": 0.1}, "value": 1.0})
    client.delete("/v1/studies/told-of")
    (created,), (changed,), (deleted,) = (_of(lines, f"study {what}") for what in ("created", "changed", "deleted"))
    for line in (created, changed, deleted):
        assert (line["study"], line["levelname"]) == ("told-of", "INFO")
        assert (line["actor"], line["token"], line["address"], line["via"]) == ("anyone", None, "testclient", "http")
    assert changed["changed"] == {"paused": True, "description": "…"}
    assert deleted["trials"] == 1
    (recorded,) = _of(lines, "trial recorded")
    assert (recorded["study"], recorded["trial"]) == ("told-of", 0)


def test_what_changes_nothing_leaves_no_line(study: StudyCalls, lines: pytest.LogCaptureFixture) -> None:
    study.patch(paused=False, max_trials=None)
    body = {"params": {"learning_rate": 0.1}, "request_id": "once"}
    for _ in range(2):
        study.post("/trials/enqueue", body)
    assert [record.message for record in lines.records if record.name.startswith("lrtune")] == ["trial enqueued"]


def test_an_expired_lease_leaves_a_line_with_trial_attempt_worker_and_what_became_of_it(
    timed_study: NewStudy, clock: Clock, lines: pytest.LogCaptureFixture
) -> None:
    study = timed_study(max_attempts=2)
    trial = study.lease(worker="gpu-1:7")
    clock.advance(61)
    study.expire()
    study.lease(worker="gpu-2:8")
    clock.advance(61)
    study.expire()
    found = [
        (line["study"], line["trial"], line["attempt"], line["worker"], line["became"])
        for line in _of(lines, "lease expired")
    ]
    number = trial["number"]
    assert found == [(study.name, number, 1, "gpu-1:7", "waiting"), (study.name, number, 2, "gpu-2:8", "failed")]


def test_asks_reports_heartbeats_and_results_leave_none(study: StudyCalls, lines: pytest.LogCaptureFixture) -> None:
    trial = study.lease()
    for step in range(1, 5):
        study.verdict(trial, (step, 0.5))
    study.heartbeat(trial)
    study.finish(trial)
    assert [record.message for record in lines.records if record.name.startswith("lrtune")] == []
