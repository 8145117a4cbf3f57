"""A trial that ends while the service is away: what is left to the next worker of the machine."""

import threading

import httpx2
import pytest

from lrtune import Client
from lrtune.trainers.client import leased_trial, report_sender
from lrtune.trainers.errors import Shutdown
from tests.fake_service import FakeService, lease_lost, problem
from tests.trainers.client.spool.outages import SOON_SECONDS, back, files, gone, lease, until


def test_who_is_told_to_end_while_the_service_is_away_leaves_all_to_the_next_worker(
    client: Client, service: FakeService
) -> None:
    trial = lease(client, service)

    def train() -> None:
        with trial:
            service.fault = gone
            trial.report(1, 0.5, checkpoint="s3://one")
            raise Shutdown(15)

    with pytest.raises(Shutdown):
        train()
    assert trial.outcome == "kept: released"
    service.calls.clear()
    service.fault = back
    client.study("s").ask()
    paths = [path.rsplit("/", 1)[1] for _, path, _ in service.calls]
    assert paths == ["s", "reports", "release", "trials"]
    assert service.bodies("/release")[0]["checkpoint"] == {"uri": "s3://one", "step": 1}
    assert service.bodies("/release")[0].get("error") is None
    assert files() == []


def test_who_is_told_to_end_as_the_service_goes_keeps_what_was_on_its_way(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leased_trial, "SHUTDOWN_SECONDS", 0.1)
    monkeypatch.setattr(report_sender, "SHUTDOWN_SECONDS", 0.1)
    trial, answers = lease(client, service), threading.Event()

    def hangs(_: httpx2.Request) -> httpx2.Response:
        answers.wait(SOON_SECONDS)
        return problem(503)

    def train() -> None:
        with trial:
            service.fault = hangs
            trial.report(1, 0.5, wait_seconds=0)
            until(lambda: len(service.bodies("/reports")) == 1)
            trial.report(2, 0.4, wait_seconds=0)
            raise Shutdown(15)

    with pytest.raises(Shutdown):
        train()
    assert trial.outcome == "kept: released"
    answers.set()
    assert files()


def test_a_lease_that_is_lost_with_the_last_of_what_was_kept_ends_the_trial_quietly(
    client: Client, service: FakeService
) -> None:
    with lease(client, service) as trial:
        service.fault = gone
        trial.report(1, 0.5)
        service.fault = lambda _: lease_lost()
    assert trial.outcome == "lease lost"
    assert files() == []
