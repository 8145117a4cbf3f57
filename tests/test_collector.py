"""When garbage is collected: what lives on is not gone through again, and what is garbage goes all the same."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from lrtune.service import collector
from lrtune.service.collector import Collector, loading
from lrtune.service.wire.trials import Ask, LeasedTrial, Reports, Result
from tests.support.tuning import Tuning

HOUR = 3600.0


class Times:
    """A clock and the processor time of the process, both moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.used = 0.0


class Circle:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.itself: Self = self


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.fixture
def running(times: Times) -> Iterator[Collector]:
    loop = asyncio.new_event_loop()
    made = Collector(clock=lambda: times.now, processor_clock=lambda: times.used)
    made.start(loop)
    yield made
    made.stop()
    loop.close()


def _circle() -> "Callable[[], Circle | None]":
    """Makes one, garbage at once; what it gives tells whether it is still there."""
    return weakref.ref(Circle())


def test_what_is_there_at_the_start_is_not_gone_through_again_and_the_oldest_generation_never_by_itself(
    running: Collector,
) -> None:
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects(generation=2)) < 1000
    young, middle, old = gc.get_threshold()
    assert old > 1_000_000_000 / (young * middle)


def test_stopped_it_leaves_the_collector_as_it_was(times: Times) -> None:
    before = (gc.get_threshold(), len(gc.callbacks))
    loop = asyncio.new_event_loop()
    made = Collector()
    made.start(loop)
    made.stop()
    made.stop()
    loop.close()
    assert (gc.get_threshold(), len(gc.callbacks)) == before
    assert gc.get_freeze_count() == 0


def test_circles_are_collected_though_they_have_grown_old(running: Collector) -> None:
    there = _circle()
    gc.collect(1)
    running.look()
    assert there() is None


def test_what_keeps_coming_is_frozen_before_it_costs_much(running: Collector) -> None:
    kept: list[list[int]] = []
    before = gc.get_freeze_count()
    for _ in range(5):
        kept += [[number] for number in range(60_000)]
        running.look()
    assert gc.get_freeze_count() - before > 200_000
    assert len(kept) == 300_000


def test_a_study_is_frozen_when_it_is_loaded_and_goes_when_it_is_forgotten(running: Collector, tmp_path: Path) -> None:
    with Tuning(f"sqlite:///{tmp_path}/lrtune.db") as tuning:
        tuning.create(name="s", max_steps=3, sampler={"name": "random"})
        tuning.run(_trainings(tuning, 50))
        tuning.forget("s")
        before = gc.get_freeze_count()
        tuning.run(tuning.studies.get("s"))
        loaded = gc.get_freeze_count()
        assert loaded - before > 100, "50 trials, each with a lease"
        gc.disable()
        try:
            tuning.forget("s")
            assert loaded - gc.get_freeze_count() > 100, "a forgotten mirror is freed without the collector"
        finally:
            gc.enable()


def test_without_a_collector_nothing_is_frozen() -> None:
    with loading():
        kept = [[number] for number in range(1000)]
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert len(kept) == 1000


def test_loads_that_overlap_pause_it_until_the_last_has_ended() -> None:
    with loading():
        with loading():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_somebody_else_keeps_off_stays_off() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_frozen_circles_go_in_a_quiet_moment_once_an_hour(
    running: Collector, times: Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_MOST_THAWED", 100_000_000)

    def looks(count: int, used: float) -> None:
        for _ in range(count):
            times.now += 1
            times.used += used
            running.look()

    there = _circle()
    gc.freeze()
    looks(20, 0.0)
    assert there() is not None, "not before an hour has gone by"
    times.now += HOUR
    looks(20, 0.5)
    assert there() is not None, "not under load"
    looks(10, 0.0)
    assert there() is None


def test_more_than_can_be_gone_through_unnoticed_stays_frozen(
    running: Collector, times: Times, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "_MOST_THAWED", 1)
    there = _circle()
    gc.freeze()
    times.now += 2 * HOUR
    for _ in range(10):
        running.look()
    assert there() is not None


def test_every_collection_is_told_with_its_generation_and_time() -> None:
    seen: list[tuple[int, float]] = []
    loop = asyncio.new_event_loop()
    made = Collector(lambda generation, seconds: seen.append((generation, seconds)))
    made.start(loop)
    try:
        gc.collect(0)
        gc.collect(1)
        made.look()
    finally:
        made.stop()
        loop.close()
    assert [generation for generation, _ in seen] == [0, 1, 2]
    assert all(0 < seconds < 60 for _, seconds in seen)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_workers_do_all_the_time_leaves_no_circles(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    with Tuning(url) as tuning:
        tuning.create(name="s", max_steps=3, sampler={"name": "random"})
        tuning.run(_trainings(tuning, 20))
        gc.collect()
        gc.disable()
        try:
            tuning.run(_trainings(tuning, 100))
            found = gc.collect()
        finally:
            gc.enable()
    # A thread that looks after the database, every other second, leaves some of SQLAlchemy's. Of 400 requests.
    assert found < 400


async def _trainings(tuning: Tuning, count: int) -> None:
    for number in range(count):
        leased = await tuning.trials.ask("s", Ask(worker="w", request_id=f"{count}-{number}"))
        assert isinstance(leased, LeasedTrial)
        for step in (1, 2):
            body: dict[str, Any] = {"lease": leased.lease, "reports": [{"step": step, "value": 1 / (number + step)}]}
            await tuning.trials.report("s", leased.number, Reports.model_validate(body))
        ended = {"lease": leased.lease, "state": "complete", "value": 1 / (number + 3)}
        await tuning.trials.result("s", leased.number, Result.model_validate(ended))
