"""Draws have a time limit, and one that does not end costs its own study alone."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lrtune.service.tuning.trials.drawers import Drawers, DrawTooLong
from lrtune.service.wire.trials import Ask, Enqueue, LeasedTrial, Record
from tests.support.clock import Clock
from tests.support.tuning import Tuning


@contextmanager
def endless() -> Iterator[Callable[[], str]]:
    """A draw that goes on until the block ends."""
    end = threading.Event()

    def draw() -> str:
        end.wait(30)
        return "late"

    try:
        yield draw
    finally:
        end.set()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.001)


async def refused(drawers: Drawers, study: int, draw: Callable[[], str]) -> str:
    with pytest.raises(DrawTooLong) as caught:
        await drawers.draw(study, draw)
    return str(caught.value)


def test_a_draw_that_is_too_slow_is_left_and_its_study_asks_no_sampler_until_a_while_after_its_end() -> None:
    clock = Clock()
    drawers = Drawers(1, 0.02, clock)

    async def play() -> None:
        with endless() as draw:
            assert "longer than 0.02 s" in await refused(drawers, 1, draw)
            clock.advance(7)
            assert "7 s so far" in await refused(drawers, 1, lambda: "never asked")
            assert await drawers.draw(2, lambda: "another study") == "another study"
        await until(lambda: drawers._left == 0)
        assert "again in 70 s" in await refused(drawers, 1, lambda: "never asked")
        clock.advance(70)
        assert await drawers.draw(1, lambda: "asked again") == "asked again"

    asyncio.run(play())


def test_however_many_draws_never_end_threads_are_bounded_and_asks_do_not_wait_for_ever() -> None:
    before = threading.active_count()
    drawers = Drawers(2, 0.02)

    async def play() -> None:
        with endless() as draw:
            for study in range(6):
                await refused(drawers, study, draw)
            with pytest.raises(TimeoutError):
                await drawers.draw(7, draw)
            assert threading.active_count() <= before + 6
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await drawers.draw(8, lambda: "free again") == "free again"
                    return
                except TimeoutError:
                    continue

    asyncio.run(play())


def test_what_is_imported_late_costs_no_draw_its_time() -> None:
    drawers = Drawers(1, 0.02)
    waited = threading.Event()

    async def play() -> str:
        return await drawers.draw(1, lambda: "drawn", lambda: bool(waited.wait(0.1)) and None)

    assert asyncio.run(play()) == "drawn"


def test_a_trial_whose_draw_was_too_slow_is_drawn_at_random_and_says_why(storage_url: str) -> None:
    space = {f"x{index}": {"type": "float", "low": 0, "high": 1} for index in range(30)}
    slow = {"name": "tpe", "n_startup_trials": 1, "n_ei_candidates": 10_000}
    with Tuning(storage_url, Drawers(1, 0.001)) as tuning:
        tuning.create(name="s", search_space=space, sampler=slow, prior="none")
        for value in (0.1, 0.2):
            tuning.run(tuning.trials.record("s", Record(params=dict.fromkeys(space, value), value=value)))
        tuning.run(tuning.trials.enqueue("s", Enqueue(params={"x3": 0.5})))
        for number in range(2, 5):
            trial = tuning.run(tuning.trials.ask("s", Ask(worker="w", request_id=f"r{number}")))
            assert isinstance(trial, LeasedTrial)
            assert trial.params.keys() == space.keys()
            assert (trial.params["x3"] == 0.5) == (number == 2)
        tuning.forget("s")
        study = tuning.run(tuning.studies.get("s"))
        with tuning.engine.lock:
            told = [trial.system_attrs.get("lrtune:drawn") for trial in study.trials]
    assert told[:2] == [None, None]
    assert [one and one["by"] for one in told[2:]] == ["random"] * 3
    assert told[2] == {"by": "random", "reason": "sampler tpe: its draw took longer than 0.001 s"}
    assert "an earlier draw" in str(told[3])
