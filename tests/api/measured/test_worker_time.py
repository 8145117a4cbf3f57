"""What became of the time of workers: every second of a lease counts once, and of no use are those that were."""

import pytest
from starlette.testclient import TestClient

from tests.api.calls import Json, StudyCalls
from tests.api.conftest import NewStudy, serving
from tests.api.measured.scraped import scrape
from tests.support.clock import Clock


@pytest.fixture
def study(timed_study: NewStudy) -> StudyCalls:
    return timed_study(max_steps=30, lease_ttl_seconds=1000, max_attempts=2)


def leased(study: StudyCalls, clock: Clock, steps: int, checkpoint: int | None = None) -> Json:
    """A trial that has trained for so many steps, 10 s each."""
    trial = study.lease(resumable=True)
    for step in range(1, steps + 1):
        clock.advance(10)
        at = {"uri": "file:///c", "step": step} if step == checkpoint else None
        study.verdict(trial, (step, 0.5), checkpoint=at)
    return trial


def seconds(client: TestClient) -> dict[str, float]:
    seen = scrape(client)
    told = {what: seen(f"lrtune_worker_seconds_{what}_total") for what in ("trained", "saved")}
    lost = {to: seen("lrtune_worker_seconds_lost_total", to=to) for to in ("divergence", "failure", "preemption")}
    return {what: count for what, count in (told | lost).items() if count}


def test_a_complete_training_was_trained(study: StudyCalls, clock: Clock, own_client: TestClient) -> None:
    study.finish(leased(study, clock, 30))
    assert seconds(own_client) == {"trained": 300}


def test_a_result_that_comes_twice_counts_once(study: StudyCalls, clock: Clock, own_client: TestClient) -> None:
    trial = leased(study, clock, 3)
    for _ in range(2):
        study.finish(trial, "diverged")
    assert seconds(own_client) == {"trained": 30, "divergence": 30}


def test_what_a_pruned_training_would_have_gone_on_for_is_saved(
    study: StudyCalls, clock: Clock, own_client: TestClient
) -> None:
    study.finish(leased(study, clock, 10), "pruned")
    assert seconds(own_client) == {"trained": 100, "saved": 200}


def test_a_lease_that_is_given_back_loses_what_is_past_its_checkpoint(
    study: StudyCalls, clock: Clock, own_client: TestClient
) -> None:
    study.release(leased(study, clock, 10, checkpoint=8))
    assert seconds(own_client) == {"trained": 100, "preemption": 20}


def test_one_that_goes_on_from_there_does_not_count_what_was_before(
    study: StudyCalls, clock: Clock, own_client: TestClient
) -> None:
    study.release(leased(study, clock, 10, checkpoint=8))
    again = study.lease(resumable=True)
    assert again["resume"]["step"] == 8
    for step in (9, 10):
        clock.advance(5)
        study.verdict(again, (step, 0.5))
    study.finish(again, "pruned")
    assert seconds(own_client) == {"trained": 110, "preemption": 20, "saved": 100}


def test_a_lease_that_ran_out_counts_to_the_last_time_that_its_worker_was_heard_of(
    study: StudyCalls, clock: Clock, own_client: TestClient
) -> None:
    trial = leased(study, clock, 4)
    clock.advance(7)
    study.heartbeat(trial)
    clock.advance(1001)
    study.expire()
    assert seconds(own_client) == {"trained": 47, "preemption": 47}


def test_an_attempt_that_fails_the_trial_was_for_nothing(
    study: StudyCalls, clock: Clock, own_client: TestClient
) -> None:
    study.finish(leased(study, clock, 2), "failed", error="no memory")
    assert seconds(own_client) == {"trained": 20, "failure": 20}


def test_a_lease_from_before_a_restart_counts_from_then_on(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = f"sqlite:///{tmp_path}/restarted.db"
    with serving(storage) as first:
        first.post("/v1/studies", json={"name": "s", "max_steps": 30, "prior": "none"})
        trial = StudyCalls(first, "s").lease()
    with serving(storage) as second:
        study = StudyCalls(second, "s")
        assert study.heartbeat(trial).status_code == 200
        study.finish(trial, "failed")
        assert 0 < seconds(second)["failure"] < 30
