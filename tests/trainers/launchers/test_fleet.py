import logging
import threading

import pytest

from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers.demand import Demand
from lrtune.trainers.launchers.engine import Engine, Fault, Seen
from lrtune.trainers.launchers.faults import MOST_ALIKE
from lrtune.trainers.launchers.fleet import (
    ASK_EVERY_SECONDS,
    IDLE_AFTER_SECONDS,
    MOST_SILENCE_SECONDS,
    SAID_WAITING_AFTER_SECONDS,
    Fleet,
)
from tests.support.clock import Clock
from tests.trainers.launchers.fake_engine import FakeDemands, FakeEngine

NO_GPU = Fault("ValueError: no GPU")
FINISHED = Demand(0, finished=True)


class Watched:
    """A fleet, its engine, its study and its clock."""

    def __init__(
        self, count: int, wants: int | None, *, keep: bool = False, busy: frozenset[str] = frozenset()
    ) -> None:
        self.clock = Clock()
        self.engine = FakeEngine()
        self.demands = FakeDemands(Demand(wants, busy=lambda: busy))
        engine: Engine = self.engine
        self.fleet = Fleet(engine, self.demands, count, name="f", keep=keep, clock=self.clock)

    def look(self, after_seconds: float = ASK_EVERY_SECONDS) -> bool:
        self.clock.advance(after_seconds)
        return self.fleet.look()

    def another_dies(self, fault: Fault | None = NO_GPU) -> None:
        """The worker in the first slot, which is started first; it is not looked at yet."""
        self.look(after_seconds=60)
        self.look(after_seconds=60)
        self.engine.ends("f-0", fault)


def test_as_many_start_as_are_asked_for() -> None:
    watched = Watched(3, wants=100)
    assert watched.look()
    assert watched.engine.started == ["f-0", "f-1", "f-2"]


def test_no_more_start_than_the_study_has_work_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watched = Watched(64, wants=2)
    watched.look()
    watched.look()
    assert watched.engine.started == ["f-0", "f-1"]
    assert caplog.text.count("the study has work for 2 of 64 workers") == 1


def test_all_start_where_the_study_has_no_budget() -> None:
    watched = Watched(3, wants=None)
    watched.look()
    assert watched.fleet.running == 3


def test_keep_starts_all_whatever_the_study_wants() -> None:
    watched = Watched(3, wants=1, keep=True)
    watched.look()
    assert watched.fleet.running == 3


def test_more_start_when_the_study_wants_more() -> None:
    watched = Watched(4, wants=1)
    watched.look()
    watched.demands.demand = Demand(3)
    watched.look()
    assert watched.fleet.running == 3


def test_the_study_is_asked_now_and_then_and_when_a_worker_ends() -> None:
    watched = Watched(2, wants=2)
    watched.look()
    watched.look(after_seconds=ASK_EVERY_SECONDS / 2)
    assert watched.demands.asked == 1
    watched.engine.ends("f-0", NO_GPU)
    watched.look(after_seconds=0)
    assert watched.demands.asked == 2


def test_an_idle_worker_that_is_one_too_many_ends_and_a_busy_one_stays() -> None:
    watched = Watched(3, wants=3, busy=frozenset({"f-0"}))
    watched.look()
    watched.demands.demand = Demand(1, busy=lambda: frozenset({"f-0"}))
    watched.look()
    watched.look()
    assert watched.engine.told == [], "they may be about to ask for a trial"
    watched.look(after_seconds=IDLE_AFTER_SECONDS)
    assert watched.engine.told == ["f-1", "f-2"]
    watched.look()
    assert watched.engine.started == ["f-0", "f-1", "f-2"], "who was told to end is not replaced"
    assert watched.fleet.running == 1


def test_a_worker_that_was_told_to_end_has_no_fault_and_its_place_is_free_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(2, wants=2)
    watched.look()
    watched.demands.demand = Demand(1, busy=lambda: frozenset({"f-0"}))
    watched.look()
    watched.look(after_seconds=IDLE_AFTER_SECONDS)
    watched.demands.demand = Demand(2)
    watched.look()
    assert watched.engine.started == ["f-0", "f-1", "f-1"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_who_is_busy_is_asked_no_more_often_than_what_the_study_wants() -> None:
    watched = Watched(2, wants=2)
    watched.look()
    asked = []
    watched.demands.demand = Demand(1, busy=lambda: frozenset(asked.append(1) or {"f-0"}))
    watched.look()
    for _ in range(4):
        watched.look(after_seconds=ASK_EVERY_SECONDS / 5)
    assert len(asked) == 1


def test_no_more_idle_workers_end_than_are_too_many() -> None:
    watched = Watched(3, wants=3)
    watched.look()
    watched.demands.demand = Demand(2)
    watched.look()
    watched.look(after_seconds=IDLE_AFTER_SECONDS)
    assert watched.engine.told == ["f-0"]


def test_workers_that_take_their_time_to_end_are_told_once_and_no_others_in_their_place() -> None:
    watched = Watched(4, wants=4)
    watched.engine.slow = True
    watched.look()
    watched.demands.demand = Demand(2)
    for _ in range(4):
        watched.look(after_seconds=IDLE_AFTER_SECONDS)
    assert watched.engine.told == ["f-0", "f-1"]


def test_a_worker_that_waits_for_resources_is_the_first_to_go() -> None:
    watched = Watched(2, wants=2)
    watched.look()
    watched.engine.workers["f-1"] = Seen("waiting")
    watched.demands.demand = Demand(1, busy=lambda: frozenset({"f-0"}))
    watched.look()
    watched.look()
    assert watched.engine.told == ["f-1"]


def test_a_worker_that_died_is_replaced_after_a_moment() -> None:
    watched = Watched(2, wants=9)
    watched.look()
    watched.engine.ends("f-1", Fault("it was killed by SIGKILL"))
    watched.look(after_seconds=0)
    assert watched.engine.started == ["f-0", "f-1"]
    watched.look(after_seconds=1.0)
    assert watched.engine.started == ["f-0", "f-1", "f-1"]


def test_the_same_fault_again_and_again_ends_with_one_line_that_tells_it() -> None:
    watched = Watched(1, wants=9)
    for _ in range(MOST_ALIKE):
        watched.another_dies()
    with pytest.raises(LaunchError, match=r"each ended 3 times in a row, the last one so: ValueError: no GPU; mend"):
        watched.look()
    assert watched.engine.started == ["f-0"] * MOST_ALIKE


def test_one_worker_that_is_given_up_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(2, wants=9)
    for _ in range(MOST_ALIKE):
        watched.another_dies()
    assert watched.look(after_seconds=60)
    assert watched.look(after_seconds=60)
    assert (watched.fleet.running, watched.engine.told) == (1, [])
    assert "worker f-0 is not started again, after 3 ends alike: ValueError: no GPU" in caplog.text


def test_lost_machines_are_never_held_against_a_worker() -> None:
    watched = Watched(1, wants=9)
    for _ in range(3 * MOST_ALIKE):
        watched.another_dies(Fault("its node is gone", lost=True))
    watched.look(after_seconds=60)
    assert watched.look(after_seconds=60)
    assert watched.fleet.running == 1


def test_workers_that_end_in_good_order_again_and_again_though_there_is_work_are_given_up() -> None:
    watched = Watched(1, wants=9)
    for _ in range(MOST_ALIKE):
        watched.another_dies(None)
    with pytest.raises(LaunchError, match="though the study is not finished"):
        watched.look()


def test_a_fleet_ends_when_its_study_is_finished_and_the_last_worker_has_ended() -> None:
    watched = Watched(2, wants=2)
    watched.look()
    watched.demands.demand = FINISHED
    assert watched.look()
    watched.engine.ends("f-0")
    assert watched.look()
    watched.engine.ends("f-1", NO_GPU)
    assert not watched.look()
    assert watched.engine.started == ["f-0", "f-1"]


def test_nothing_starts_for_a_finished_study() -> None:
    watched = Watched(2, wants=0)
    watched.demands.demand = FINISHED
    assert not watched.look()
    assert watched.engine.started == []


def test_a_halted_study_ends_the_fleet_with_the_services_reason() -> None:
    watched = Watched(2, wants=2)
    watched.look()
    watched.demands.demand = Demand(0, halted="The last 5 trials failed.")
    for name in ("f-0", "f-1"):
        watched.engine.ends(name, NO_GPU)
    with pytest.raises(LaunchError, match="The last 5 trials failed"):
        watched.look()
    assert watched.engine.started == ["f-0", "f-1"]


def test_workers_stay_while_the_service_is_away_and_without_any_the_wait_has_a_limit() -> None:
    watched = Watched(1, wants=1)
    watched.look()
    watched.demands.demand = None
    assert watched.look(after_seconds=2 * MOST_SILENCE_SECONDS)
    assert watched.fleet.running == 1
    watched = Watched(1, wants=1)
    watched.demands.demand = None
    assert watched.look()
    with pytest.raises(LaunchError, match="the service has not answered for 5 min, and no worker runs"):
        watched.look(after_seconds=MOST_SILENCE_SECONDS)


def test_a_long_wait_for_resources_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(2, wants=2)
    watched.look()
    for _ in range(4):
        watched.engine.workers = dict.fromkeys(watched.engine.workers, Seen("waiting"))
        watched.look(after_seconds=SAID_WAITING_AFTER_SECONDS)
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        "2 workers wait for resources since 60 s"
    ]


def test_told_to_stop_the_fleet_returns_and_leaves_its_workers_to_the_caller() -> None:
    watched = Watched(2, wants=2)
    stopping = threading.Event()
    watched.look()
    stopping.set()
    watched.fleet.run(stopping)
    assert watched.fleet.running == 2
