from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from lrtune import Client
from lrtune.service.wire.studies import Study, StudyStatus
from lrtune.trainers.client.http.retry import Retry
from lrtune.trainers.errors import NotFound
from lrtune.trainers.launchers.demand import StudyDemands, wanted
from tests.fake_service import STATUS, STUDY, TRIAL, FakeService


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    """Of a service in memory; nobody waits between retries."""
    slept: list[float] = []
    retry = Retry(total_seconds=10.0, clock=lambda: sum(slept), jitter=lambda: 1.0, sleep=slept.append)
    with Client("http://service", transport=httpx2.MockTransport(service), retry=retry) as client:
        yield client


def study(**changes: Any) -> Study:
    return Study.model_validate({**STUDY, **changes})


def status(trained: int = 0, state: str = "running", **counts: int) -> StudyStatus:
    steps = {"trained": trained, "saved_by_pruning": 0, "spent_on_divergence": 0}
    return StudyStatus.model_validate({**STATUS, "state": state, "trials": counts, "steps": steps})


@pytest.mark.parametrize(
    ("spec", "now", "workers"),
    [
        ({"max_trials": 40}, status(), 40),
        ({"max_trials": 40}, status(complete=20, pruned=10, diverged=2), 8),
        ({"max_trials": 40}, status(complete=30, running=8, failed=5), 10),
        ({"max_trials": 40, "failed_counts": True}, status(complete=30, failed=5), 5),
        ({"max_trials": 40}, status(complete=39, running=3), 3),
        ({"max_trials": 40}, status(complete=40), 1),
        ({"max_trials": None, "max_total_steps": 100, "max_steps": 10}, status(trained=55), 5),
        ({"max_trials": 3, "max_total_steps": 100, "max_steps": 10}, status(trained=55, complete=1), 2),
        ({"max_trials": None, "max_total_steps": 100, "max_steps": 10}, status(trained=95, running=4), 4),
        ({"max_trials": None}, status(running=4), None),
        ({"max_trials": 40}, status(state="paused", complete=3, running=2, waiting=4), 2),
        ({"max_trials": 40}, status(state="finished", complete=3), 0),
    ],
)
def test_a_study_wants_a_worker_for_each_trial_that_is_left(
    spec: dict[str, Any], now: StudyStatus, workers: int | None
) -> None:
    assert wanted(study(**spec), now) == workers


def test_busy_workers_are_those_with_a_trial_by_the_names_they_were_started_with(
    service: FakeService, client: Client
) -> None:
    trials = [{**TRIAL, "state": "running", "worker": name} for name in ("f-1:4242", "f-12:77", None)]

    def running(request: httpx2.Request) -> httpx2.Response | None:
        if not request.url.path.endswith("/trials"):
            return None
        assert request.url.params["state"] == "running"
        return httpx2.Response(200, json={"items": trials, "next_cursor": None})

    service.fault = running
    demand = StudyDemands(client, "s").now()
    assert demand is not None
    assert demand.busy() == {"f-1", "f-12"}


def test_a_service_that_is_away_says_nothing_and_is_told_of_once(
    service: FakeService, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    demands = StudyDemands(client, "s")
    service.fault = away
    assert demands.now() is None
    assert demands.now() is None
    assert caplog.text.count("until it answers the fleet stays as it is") == 1
    service.fault = lambda _: None
    demand = demands.now()
    assert demand is not None
    assert (demand.workers, demand.finished) == (1, False)


def test_a_study_that_is_gone_is_an_error(client: Client) -> None:
    with pytest.raises(NotFound):
        StudyDemands(client, "nobody").now()
