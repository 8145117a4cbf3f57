import threading
from collections.abc import Callable

import pytest

from lrtune import Client, LeaseLost, ServiceUnreachable
from lrtune.service.wire.trials import Problem, Verdict
from lrtune.trainers.client.lease_keeper import keep
from tests.fake_service import FakeService, lease_lost

CONTINUE = Verdict(verdict="continue", lease_ttl_seconds=60.0)
PRUNE = Verdict(verdict="stop", reason="pruned", lease_ttl_seconds=60.0)
LOST = LeaseLost(Problem(type="lease-lost", title="", status=409, detail="gone"))


def beats(*answers: Verdict | Exception) -> Callable[[], Verdict]:
    following = iter(answers)

    def heartbeat() -> Verdict:
        answer = next(following)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return heartbeat


class Waits:
    """Lets the keeper beat `count` times, then holds it until the block ends."""

    def __init__(self, count: int) -> None:
        self.seconds: list[float] = []
        self.done = threading.Event()
        self._count = count

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        if len(self.seconds) <= self._count:
            return False
        self.done.set()
        return True


def test_the_lease_is_renewed_three_times_in_its_life() -> None:
    waits = Waits(2)
    with keep(beats(CONTINUE, CONTINUE), ttl_seconds=60, wait=waits) as keeper:
        assert waits.done.wait(5)
    assert waits.seconds == [20, 20, 20]
    assert not keeper.lost.is_set()


def test_a_beat_that_fails_is_followed_by_quicker_ones() -> None:
    waits = Waits(3)
    gone = ServiceUnreachable("http://x", "refused")
    with keep(beats(gone, RuntimeError("odd"), CONTINUE), ttl_seconds=60, wait=waits):
        assert waits.done.wait(5)
    assert waits.seconds == [20, 5, 5, 20]


def test_the_service_may_change_the_time_to_live() -> None:
    waits = Waits(1)
    shorter = Verdict(verdict="continue", lease_ttl_seconds=9.0)
    with keep(beats(shorter), ttl_seconds=60, wait=waits):
        assert waits.done.wait(5)
    assert waits.seconds == [20, 3]


def test_a_lost_lease_is_noticed_and_ends_the_renewals() -> None:
    with keep(beats(LOST), ttl_seconds=60, wait=Waits(9)) as keeper:
        assert keeper.lost.wait(5)
    assert keeper.loss is LOST


def test_a_stop_heard_in_a_heartbeat_is_remembered() -> None:
    waits = Waits(2)
    with keep(beats(PRUNE, CONTINUE), ttl_seconds=60, wait=waits) as keeper:
        assert waits.done.wait(5)
    assert keeper.verdict is PRUNE


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_thread_ends_with_the_block(error: type[BaseException] | None) -> None:
    before = threading.active_count()
    try:
        with keep(beats(), ttl_seconds=3600):
            assert threading.active_count() == before + 1
            if error:
                raise error
    except (ValueError, KeyboardInterrupt):
        pass
    assert threading.active_count() == before


def test_a_lease_lost_between_reports_stops_the_next_one(client: Client, service: FakeService) -> None:
    with next(client.study("s").leases()) as trial:
        assert trial._keeper is not None
        trial._keeper.loss = LOST
        trial._keeper.lost.set()
        assert trial.should_stop
        trial.report(1, 0.5)
        pytest.fail("the report must raise")
    assert service.bodies("/reports") == []
    assert service.bodies("/result") == []


def test_heartbeats_carry_the_lease(client: Client, service: FakeService) -> None:
    trial = next(client.study("s").leases())
    assert trial._calls.heartbeat().verdict == "continue"
    assert service.bodies("/heartbeat") == [{"lease": "lease-0"}]
    service.fault = lambda _: lease_lost()
    with pytest.raises(LeaseLost, match="expired 12 s ago"):
        trial._calls.heartbeat()
