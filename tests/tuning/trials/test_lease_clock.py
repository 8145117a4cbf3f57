"""When a lease ends is judged by the time in which the service listened, and by no clock that anybody may set."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from lrtune.service.storage.engine.pulse import Pulse
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.tuning.errors import LeaseLost
from lrtune.service.tuning.trials.sweeper import ROUND_SECONDS, Sweeper
from lrtune.service.wire.trials import Ask, Heartbeat, LeasedTrial, Result
from tests.faults.conftest import until
from tests.support.clock import Clock
from tests.support.tuning import Tuning

TTL = 60.0


class Service(Tuning):
    """With rounds of the sweeper that the test brings about."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.pulse_clock = Clock()
        self.engine.pulse = Pulse(self.pulse_clock)
        self.expired = 0
        self.sweeper = Sweeper(self.engine, self.trials, on_expired=self._count)

    def _count(self, expired: int) -> None:
        self.expired += expired

    def lease(self, name: str = "s") -> LeasedTrial:
        reply = self.run(self.trials.ask(name, Ask(worker="w", request_id=uuid4().hex)))
        assert isinstance(reply, LeasedTrial)
        return reply

    def renew(self, leased: LeasedTrial, name: str = "s") -> None:
        self.run(self.trials.heartbeat(name, leased.number, Heartbeat(lease=leased.lease)))

    def passes(self, seconds: float, *, served: bool) -> None:
        """Time passes; the loop turns meanwhile where it is `served`, else once, afterwards."""
        for _ in range(int(seconds / ROUND_SECONDS) if served else 1):
            step = ROUND_SECONDS if served else seconds
            self.clock.advance(step)
            self.pulse_clock.advance(step)
            self.go_round()

    def go_round(self) -> None:
        async def one() -> None:
            self.sweeper.go_round()
            while self.sweeper._loading is not None and not self.sweeper._loading.done():
                await asyncio.sleep(0.001)

        self.run(one())

    def state(self, leased: LeasedTrial, name: str = "s") -> str:
        return self.run(self.studies.get(name)).trials[leased.number].outcome


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(f"sqlite:///{tmp_path}/lrtune.db") as made:
        made.create(name="s", lease_ttl_seconds=TTL, max_steps=9, sampler={"name": "random"}, pruner={"name": "none"})
        made.go_round()
        yield made


def test_a_lease_that_nobody_renews_is_taken_back_while_the_service_listens(service: Service) -> None:
    leased = service.lease()
    service.passes(TTL - 1, served=True)
    assert service.state(leased) == "running"
    service.passes(2, served=True)
    assert service.state(leased) == "waiting"
    assert service.expired == 1


@pytest.mark.parametrize("stood_still", [TTL / 3, TTL, 20 * TTL])
def test_after_a_pause_of_the_service_every_lease_has_its_full_time(service: Service, stood_still: float) -> None:
    leased = service.lease()
    service.passes(TTL - 1, served=True)
    service.passes(stood_still, served=False)
    assert service.state(leased) == "running"
    service.passes(TTL - 1, served=True)
    service.renew(leased)
    assert service.state(leased) == "running"


def test_after_a_pause_a_dead_worker_loses_its_trial_one_full_time_later(service: Service) -> None:
    leased = service.lease()
    service.passes(10 * TTL, served=False)
    service.passes(TTL + 1, served=True)
    assert service.state(leased) == "waiting"


def test_a_short_stop_of_the_loop_does_not_count_and_does_not_keep_dead_trials_for_ever(service: Service) -> None:
    leased = service.lease()
    service.passes(TTL - 1, served=True)
    service.passes(2, served=False)
    assert service.state(leased) == "running", "2 s in which no renewal could be heard"
    service.passes(2, served=True)
    assert service.state(leased) == "waiting"
    leased = service.lease()
    for _ in range(40):  # Half of the time the loop stands still.
        service.passes(2, served=True)
        service.passes(2, served=False)
    assert service.state(leased) == "waiting"


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 1e9])
def test_a_step_of_the_wall_clock_neither_ends_a_lease_nor_keeps_it(service: Service, jump: float) -> None:
    healthy, dead = service.lease(), service.lease()
    service.wall_offset += jump
    for _ in range(4):
        service.passes(TTL / 3, served=True)
        service.renew(healthy)
    assert service.state(healthy) == "running"
    assert service.state(dead) == "waiting"
    service.lease()
    with pytest.raises(LeaseLost):
        service.renew(dead)


def test_a_trial_does_not_end_before_it_began_where_the_wall_clock_was_set_back(service: Service) -> None:
    leased = service.lease()
    service.wall_offset -= 3600
    body = Result(lease=leased.lease, state="complete", value=0.5)
    _, trial = service.run(service.trials.result("s", leased.number, body))
    assert trial.started_at is not None
    assert trial.finished_at is not None
    assert trial.finished_at >= trial.started_at


def test_a_study_is_forgotten_by_elapsed_time_not_by_the_wall_clock(service: Service) -> None:
    study = service.run(service.studies.get("s"))
    with service.engine.lock:
        service.wall_offset += 1e6
        service.engine.mirrors.drop_idle(600, in_use=())
        assert study.alive
        service.wall_offset -= 2e6
        service.clock.advance(601)
        service.engine.mirrors.drop_idle(600, in_use=())
        assert not study.alive


def test_leases_have_their_full_time_after_the_database_was_away(service: Service) -> None:
    leased = service.lease()
    service.passes(TTL - 1, served=True)
    service.engine._queue.fail([], StorageUnavailable("the database does not answer"))
    with pytest.raises(StorageUnavailable):
        service.renew(leased)
    service.passes(3 * TTL, served=True)
    until(lambda: service.engine.state == "active")
    service.go_round()
    assert service.state(leased) == "running"
    service.passes(TTL - 1, served=True)
    service.renew(leased)


def test_leases_have_their_full_time_from_when_a_study_has_been_loaded(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased = service.lease()
    service.forget("s")
    snapshot = service.engine.database.snapshot

    def slow() -> object:
        service.clock.advance(5 * TTL)
        return snapshot()

    monkeypatch.setattr(service.engine.database, "snapshot", slow)
    service.run(service.studies.get("s"))
    service.passes(TTL - 1, served=True)
    assert service.state(leased) == "running"


def test_leases_of_one_study_that_cannot_be_taken_back_do_not_keep_those_of_another(service: Service) -> None:
    service.create(name="another", lease_ttl_seconds=TTL, sampler={"name": "random"})
    service.lease("s")
    good = service.lease("another")
    study = service.run(service.studies.get("s"))
    study.tally = None  # type: ignore[assignment]  # As after a fault of ours: whatever counts in it raises.
    service.passes(TTL + 1, served=True)
    assert service.state(good, "another") == "waiting"
