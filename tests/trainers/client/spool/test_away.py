"""The service is away while a trial trains: the training goes on, and all that it reported is told later."""

import logging
import os
import time
from pathlib import Path

import httpx2
import pytest

from lrtune import Client, LeasedTrial
from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.client.spool import backlog
from lrtune.trainers.client.spool.folder import spooling
from lrtune.trainers.integrations.reports import Reports
from tests.fake_service import FakeService, lease_lost, problem
from tests.trainers.client.spool.outages import back, files, gone, lease, lines, told, until


def test_nothing_is_written_while_the_service_answers(client: Client, service: FakeService) -> None:
    with lease(client, service) as trial:
        trial.report(1, 0.5)
        trial.report(2, 0.4, wait_seconds=0)
    assert told(service) == [[1], [2]]
    assert not spooling().folder.exists()


@pytest.mark.parametrize("wait_seconds", [None, 0.0])
def test_a_training_goes_on_without_the_service_and_all_it_reported_is_told_in_order_many_at_once(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, wait_seconds: float | None
) -> None:
    with lease(client, service) as trial:
        trial.report(1, 0.5, wait_seconds=wait_seconds)
        until(lambda: told(service) == [[1]])
        service.fault = gone
        trial.report(2, 0.5, wait_seconds=wait_seconds)
        until(files)
        began = time.monotonic()
        for step in range(3, 2503):
            trial.report(step, 1 / step, checkpoint=f"s3://{step}", wait_seconds=wait_seconds)
        assert time.monotonic() - began < 2500 * 0.01, "no report waits"
        service.calls.clear()
        service.fault = back
        until(lambda: not files())
        trial.report(2503, 0.1)
    steps = [step for request in told(service) for step in request]
    assert steps == list(range(2, 2504))
    assert len(told(service)) <= 5
    assert service.bodies("/reports")[-2]["checkpoint"] == {"uri": "s3://2502", "step": 2502}
    assert service.calls[-1][1].endswith("/result"), "the end comes last"
    away, again = lines(caplog)
    assert "Its training goes on, and what it reports is kept in" in away
    assert "has its 2501 reports" in again


def test_what_a_killed_process_had_reported_is_in_its_file_at_once(client: Client, service: FakeService) -> None:
    with lease(client, service) as trial:
        service.fault = gone
        for step in range(1, 51):
            trial.report(step, 0.5, wait_seconds=0)
            if step == 1:
                until(files)
        assert files()[0].read_bytes().count(b'"report"') == 2 * 50  # As a kind, and as a field.
        service.fault = back


def test_a_verdict_that_was_passed_meanwhile_ends_the_training_once_the_service_is_back(
    client: Client, service: FakeService
) -> None:
    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 3.0)
        trial.report(2, 3.0)
        service.verdict = {"verdict": "stop", "reason": "pruned"}
        service.fault = back
        until(lambda: trial.should_stop)
        trial.report(3, 3.0)
    assert trial.outcome is not None
    assert service.bodies("/result")[0]["state"] == "pruned"


def test_the_callbacks_of_frameworks_go_on_too_and_hear_the_verdict(client: Client, service: FakeService) -> None:
    with lease(client, service) as trial:
        reports = Reports(trial)
        reports.begin()
        service.fault = gone
        for step in range(1, 20):
            reports.report(step, 0.5, save=lambda: "s3://there")
        assert not reports.ended
        service.verdict = {"verdict": "stop", "reason": "pruned"}
        service.fault = back
        until(reports.interrupted)
        reports.end()
    assert trial.outcome == "pruned"
    assert told(service)[-1][-1] == 19
    assert service.bodies("/reports")[-1]["checkpoint"]["step"] == 19


def test_a_trial_that_somebody_else_has_by_then_ends_and_a_line_says_what_is_lost(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 3.0)
        service.fault = lambda _: lease_lost()
        until(lambda: trial.should_stop)
        trial.report(2, 3.0)
    assert trial.outcome == "lease lost"
    assert files() == []
    assert "trial 0: what it reported since the service was away is lost" in lines(caplog)[-1]


def test_a_token_that_ends_mid_training_is_said_and_a_new_one_in_its_file_goes_on(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old, new, file = new_secret(), new_secret(), tmp_path / "token"
    file.touch(0o600)
    file.write_text(old)
    monkeypatch.setenv("LRTUNE_TOKEN_FILE", str(file))
    good = [old]

    def check(request: httpx2.Request) -> httpx2.Response | None:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return None if shown in good else problem(401, "token-refused", detail="the token was revoked")

    service.fault = check
    transport = httpx2.MockTransport(service)
    with Client("http://localhost", transport=transport) as client, lease(client, service) as trial:
        good[:] = []
        trial.report(1, 0.5)
        trial.report(2, 0.5)
        assert f"the token was revoked (401); the token shown was that of {file}" in lines(caplog)[0]
        good[:] = [new]
        file.write_text(new)
        until(lambda: not files())
        trial.report(3, 0.5)
    assert service.bodies("/result")[0]["state"] == "complete"


def test_on_a_full_disk_the_training_goes_on_and_one_line_says_so(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 0.5)
        monkeypatch.setattr(os, "pwrite", full)
        for step in range(2, 100):
            trial.report(step, 0.5)
        service.calls.clear()
        service.fault = back
    assert [step for request in told(service) for step in request] == list(range(1, 100))
    assert service.bodies("/result")[0]["state"] == "complete"
    assert sum("No space left on device" in line for line in lines(caplog)) == 1
    assert files() == []


def test_of_more_than_there_is_room_for_the_first_and_the_newest_are_kept(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LRTUNE_SPOOL_BYTES", "1000")
    monkeypatch.setattr(backlog, "MEMORY_REPORTS", 20)
    with lease(client, service) as trial:
        service.fault = gone
        for step in range(1, 1001):
            trial.report(step, 0.5, checkpoint="s3://500" if step == 500 else None)
        service.calls.clear()
        service.fault = back
    steps = [step for request in told(service) for step in request]
    assert steps == [*range(1, len(steps)), 1000]
    assert 20 < len(steps) < 50
    assert service.bodies("/reports")[-1]["checkpoint"]["uri"] == "s3://500"
    assert f"has its {len(steps)} reports; {1000 - len(steps)} more were left out" in lines(caplog)[-1]


def test_without_a_folder_that_can_be_written_reports_wait_in_memory(
    client: Client, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LRTUNE_SPOOL", str(tmp_path / "file" / "spool"))
    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 0.5)
        service.fault = back
    assert told(service)[-1] == [1]
    assert service.bodies("/result")[0]["state"] == "complete"


def test_a_lease_that_cannot_be_renewed_is_said_once(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    service.ttl_seconds = 0.3
    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 0.5)
        time.sleep(0.5)
        service.fault = back
    assert sum("could not be renewed" in one.getMessage() for one in caplog.records) == 1


def test_two_workers_of_one_name_keep_their_trials_apart(client: Client, service: FakeService) -> None:
    service.max_steps = 10_000
    one, other = (client.study("s").ask("the same") for _ in range(2))
    assert isinstance(one, LeasedTrial)
    assert isinstance(other, LeasedTrial)
    with one, other:
        service.fault = gone
        for trial in (one, other):
            trial.report(1 + trial.number, 0.5)
        assert len(files()) == 2
        service.fault = back
    sent = {(body["lease"], body["reports"][0]["step"]) for body in service.bodies("/reports")}
    assert sent == {("lease-0", 1), ("lease-1", 2)}
