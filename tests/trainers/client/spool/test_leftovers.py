"""What processes left that have ended: the next worker of the study on this machine sends it before it asks."""

from pathlib import Path

import httpx2
import pytest

from lrtune import Client
from lrtune.service.wire.trials import Checkpoint, Report, Result
from lrtune.trainers.client.spool.entries import End, Finished, Owner, Told
from lrtune.trainers.client.spool.file import SpoolFile
from lrtune.trainers.client.spool.folder import spooling
from tests.fake_service import FakeService, lease_lost, problem

RESULT = Finished(body=Result(lease="old", state="complete", value=0.25))


@pytest.fixture
def owner(client: Client) -> Owner:
    key = client.study("s")._standing.key
    return Owner(server="http://service", study="s", key=key, number=7, attempt=1, lease="old")


def leave(owner: Owner, steps: int, end: End | None = None) -> Path:
    """As a process that ended while the service was away."""
    file = SpoolFile.begin(spooling(), owner)
    file.append([Told(report=Report(step=step, value=0.5)) for step in range(1, steps + 1)])
    if end is not None:
        file.append([end])
    file.close()
    return file.path


def test_reports_and_result_are_sent_before_a_trial_is_asked_for(
    client: Client, service: FakeService, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path = leave(owner, 2500, RESULT)
    service.calls.clear()
    client.study("s").ask()
    assert [path.partition("s/trials")[2] for _, path, _ in service.calls][1:] == [
        *3 * ["/7/reports"],
        "/7/result",
        "",
    ]
    sent = [report["step"] for body in service.bodies("/reports") for report in body["reports"]]
    assert sent == list(range(1, 2501))
    assert {body["lease"] for body in service.bodies("/reports")} == {"old"}
    assert service.bodies("/result")[0]["value"] == 0.25
    assert not path.exists()
    assert "2500 reports that a worker had kept are sent, and its result: complete" in caplog.text


def test_without_an_end_its_worker_was_killed_and_the_trial_goes_back_with_its_last_checkpoint(
    client: Client, service: FakeService, owner: Owner
) -> None:
    file = SpoolFile.begin(spooling(), owner)
    file.append([Told(report=Report(step=1, value=0.5), checkpoint=Checkpoint(uri="s3://one", step=1))])
    file.append([Told(report=Report(step=2, value=0.5))])
    file.close()
    client.study("s").ask()
    (released,) = service.bodies("/release")
    assert released["checkpoint"] == {"uri": "s3://one", "step": 1}
    assert released["error"] == "its worker ended while the service was away"


def test_a_file_that_was_cut_in_half_is_sent_up_to_its_last_whole_line(
    client: Client, service: FakeService, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path = leave(owner, 10, RESULT)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    client.study("s").ask()
    (sent,) = service.bodies("/reports")
    steps = [report["step"] for report in sent["reports"]]
    assert steps == list(range(1, len(steps) + 1))
    assert 0 < len(steps) < 10
    assert service.bodies("/result") == []
    assert "bytes behind them cannot be read" in caplog.text
    assert not path.exists()


def test_those_of_others_are_left_alone(client: Client, service: FakeService, owner: Owner) -> None:
    others = [{"server": "http://other"}, {"key": "another"}]
    paths = [leave(owner.model_copy(update=other), 3) for other in others]
    alive = SpoolFile.begin(spooling(), owner)
    client.study("s").ask()
    assert service.bodies("/reports") == []
    assert all(path.exists() for path in (*paths, alive.path))
    alive.close()


def test_what_is_no_spool_file_is_set_aside_and_stops_nobody(
    client: Client, service: FakeService, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path = leave(owner, 3)
    path.write_bytes(b"\0" * 100)
    client.study("s").ask()
    assert service.bodies("/trials") != []
    assert [one.name for one in spooling().folder.iterdir()] == [f"{path.name}.broken"]
    assert "is no spool file, and is left aside as" in caplog.text


def test_what_belongs_to_a_trial_that_is_over_is_dropped_and_a_line_says_what_is_lost(
    client: Client, service: FakeService, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path = leave(owner, 3, RESULT)
    service.fault = lambda request: lease_lost() if "/7/" in request.url.path else None
    client.study("s").ask()
    assert "trial 7: what a worker kept, 3 reports and its result, complete, is lost" in caplog.text
    assert not path.exists()


def test_what_the_service_refuses_is_set_aside(
    client: Client, service: FakeService, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    path = leave(owner, 3)
    service.fault = lambda request: problem(422, "invalid-body") if "/7/" in request.url.path else None
    client.study("s").ask()
    assert "trial 7: what a worker kept, 3 reports is refused" in caplog.text
    assert path.with_name(f"{path.name}.broken").exists()


@pytest.mark.parametrize("status", [401, 503])
def test_while_the_service_does_not_take_it_it_stays(
    client: Client, service: FakeService, owner: Owner, status: int
) -> None:
    path = leave(owner, 3, RESULT)
    service.fault = lambda request: problem(status) if "/7/" in request.url.path else None
    client.study("s").ask()
    assert path.exists()
    service.fault = lambda _: None
    client.study("s").ask()
    assert not path.exists()
    assert len(service.bodies("/result")) == 1


def test_two_workers_send_one_file_once(client: Client, service: FakeService, owner: Owner) -> None:
    leave(owner, 3, RESULT)

    def meanwhile(request: httpx2.Request) -> None:
        if request.url.path.endswith("/7/reports"):
            service.fault = lambda _: None
            client.study("s").ask()  # Another worker, while the first one sends.

    service.fault = meanwhile
    client.study("s").ask()
    assert len(service.bodies("/7/reports")) == len(service.bodies("/7/result")) == 1
