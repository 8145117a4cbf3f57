"""`report(…, wait_seconds=…)`: a training that does not wait for what the service says."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from lrtune import Client, LeasedTrial, LeaseLost, ServiceError, TrialPaused, TrialStopped
from lrtune.service.wire.trials import Report
from lrtune.trainers.client import report_sender
from lrtune.trainers.client.http.retry import SHUTDOWN_SECONDS
from tests.fake_service import FakeService, lease_lost, problem

SOON_SECONDS = 10.0


@pytest.fixture(autouse=True)
def _no_first_rest(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    service.max_steps = 50
    monkeypatch.setattr(report_sender, "FIRST_REST_SECONDS", 0.0)


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + SOON_SECONDS
    while not holds():
        assert time.monotonic() < ends, "nothing came"
        time.sleep(0.001)


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def steps_told(service: FakeService) -> list[int]:
    return [report["step"] for body in service.bodies("/reports") for report in body["reports"]]


def test_every_report_is_told_before_the_trial_ends(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        for step in range(1, 51):
            trial.report(step, 1 / step, wait_seconds=0)
    assert steps_told(service) == list(range(1, 51))
    assert [path.rsplit("/", 1)[1] for _, path, _ in service.calls][-1] == "result"
    assert service.bodies("/result")[0]["value"] == 1 / 50


def test_a_report_that_waits_comes_after_those_that_do_not(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5, wait_seconds=0)
        trial.report(2, 0.4)
        assert steps_told(service) == [1, 2]
        trial.report_all([(3, 0.3), (4, 0.2)])
        assert steps_told(service) == [1, 2, 3, 4]


def test_a_verdict_is_known_within_the_step_and_raised_by_the_next_report(client: Client, service: FakeService) -> None:
    service.verdict = {"verdict": "stop", "reason": "pruned"}
    with lease(client) as trial:
        trial.report(1, 3.0, wait_seconds=0)
        until(lambda: trial.should_stop)
        with pytest.raises(TrialStopped, match="pruned") as caught:
            trial.report(2, 3.0, wait_seconds=0)
        raise caught.value
    assert service.bodies("/result")[0]["state"] == "pruned"


@pytest.mark.parametrize(
    ("verdict", "ends"),
    [
        ({"verdict": "stop", "reason": "pruned"}, [("/result", "pruned")]),
        ({"verdict": "stop", "reason": "diverged"}, [("/result", "diverged")]),
        ({"verdict": "pause", "reason": "paused"}, [("/release", None)]),
    ],
)
def test_the_verdict_on_the_last_report_counts_though_the_training_has_ended(
    client: Client, service: FakeService, verdict: dict[str, Any], ends: list[tuple[str, Any]]
) -> None:
    with lease(client) as trial:
        trial.report(1, 3.0)
        service.verdict = verdict
        trial.report(2, 3.0, checkpoint="s3://two", wait_seconds=0)
    found = [(ending, body.get("state")) for ending in ("/result", "/release") for body in service.bodies(ending)]
    assert found == ends
    assert trial.outcome is not None


def test_a_lost_lease_is_raised_and_ends_the_block_quietly(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        trial.report(1, 3.0, wait_seconds=0)
        until(lambda: trial.should_stop)
        with pytest.raises(LeaseLost) as caught:
            trial.check()
        raise caught.value
    assert trial.outcome == "lease lost"
    assert service.bodies("/result") == service.bodies("/release") == []


def test_a_lease_that_is_lost_with_the_last_report_ends_it_quietly_too(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        trial.report(1, 3.0, wait_seconds=0)
    assert trial.outcome == "lease lost"
    assert service.bodies("/result") == []


def test_a_service_that_is_gone_for_longer_than_is_tried_raises_at_the_end_and_all_is_kept(
    client: Client, service: FakeService
) -> None:
    def away(request: httpx2.Request) -> httpx2.Response | None:
        return problem(503, "unavailable") if request.url.path.endswith("/reports") else None

    trial = lease(client)

    def train() -> None:
        with trial:
            service.fault = away
            trial.report(1, 3.0, wait_seconds=0)

    with pytest.raises(ServiceError):
        train()
    assert trial.outcome == "kept: complete, 3"
    assert service.bodies("/result") == service.bodies("/release") == []


def test_an_error_of_the_training_comes_after_its_reports_and_goes_on_its_way(
    client: Client, service: FakeService
) -> None:
    def train() -> None:
        with lease(client) as trial:
            trial.report(1, 3.0, wait_seconds=0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert steps_told(service) == [1]
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_forked_child_tells_its_reports_itself(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        trial.report(1, 0.5, wait_seconds=0)
        trial._pid = -1  # As it looks in a child.
        trial.report(2, 0.4, wait_seconds=0)
        assert 2 in steps_told(service)  # Though its thread would be missing.
        trial._pid = os.getpid()


def test_pausing_waits_for_its_checkpoint(client: Client, service: FakeService) -> None:
    service.verdict = {"verdict": "pause", "reason": "paused"}
    with lease(client) as trial:
        trial.report(1, 3.0, checkpoint="s3://one", wait_seconds=0)
        until(lambda: trial.should_stop)
        with pytest.raises(TrialPaused) as caught:
            trial.check()
        raise caught.value
    assert service.bodies("/release")[0]["checkpoint"] == {"uri": "s3://one", "step": 1}


def test_who_is_told_to_end_while_the_service_is_away_waits_for_seconds_and_no_longer(
    client: Client, service: FakeService, slept: list[float]
) -> None:
    def train() -> None:
        with lease(client) as trial:
            trial.report(1, 0.5)
            service.fault = lambda _: problem(503, "unavailable")
            slept.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert sum(slept) <= SHUTDOWN_SECONDS


def test_a_flush_that_has_a_limit_ends_though_nothing_could_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_sender, "SHUTDOWN_SECONDS", 0.01)
    sent = threading.Event()

    def never(*_: Any) -> None:
        sent.wait(SOON_SECONDS)

    sender = report_sender.ReportSender(never)
    sender.put([Report(step=1, value=0.5)], None, 0.0)
    sender.flush(0.01)
    sender.close()
    sent.set()
