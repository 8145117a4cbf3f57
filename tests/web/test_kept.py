"""What pages are made of is made once for all who look, at a pace that leaves time, and anew when it has to be."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from optuna.study import StudyDirection

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.web.kept import PACE, STALE, Kept, headers_of
from tests.support.clock import Clock


class Maker:
    """Makes `made 1`, `made 2`, …, each in so many seconds of the clock."""

    def __init__(self, clock: Clock, seconds: float = 0.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self.times = 0

    async def __call__(self) -> bytes:
        self.times += 1
        self._clock.advance(self._seconds)
        await asyncio.sleep(0)
        return b"made %d" % self.times


def _study(study_id: int = 1) -> StudyMirror:
    return StudyMirror(study_id, f"study-{study_id}", [StudyDirection.MINIMIZE])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(clock: Clock) -> Kept:
    return Kept(most_bytes=20, clock=clock)


def _run(act: Callable[[], Coroutine[None, None, Any]]) -> Any:
    return asyncio.run(act())


def test_what_has_not_changed_is_made_again_only_when_it_is_old(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def act() -> None:
        assert await kept.get(study, "part", make, old_after=5) == (b"made 1", False)
        clock.advance(4.9)
        assert await kept.get(study, "part", make, old_after=5) == (b"made 1", False)
        clock.advance(0.1)
        assert await kept.get(study, "part", make, old_after=5) == (b"made 2", False)

    _run(act)


def test_what_took_long_rests_twenty_times_as_long_though_its_study_changes(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock, seconds=0.1)

    async def act() -> None:
        assert await kept.get(study, "part", make) == (b"made 1", False)
        study.version += 1
        clock.advance(1.9)
        assert await kept.get(study, "part", make) == (b"made 1", True), "stale, and told so"
        clock.advance(0.2)
        assert await kept.get(study, "part", make) == (b"made 2", False)

    _run(act)


def test_nothing_rests_longer_than_ten_seconds(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock, seconds=60)

    async def act() -> None:
        await kept.get(study, "part", make)
        study.version += 1
        clock.advance(9.9)
        assert await kept.get(study, "part", make) == (b"made 1", True)
        clock.advance(0.2)
        assert await kept.get(study, "part", make) == (b"made 2", False)

    _run(act)


def test_what_was_cheap_is_anew_as_soon_as_its_study_changes(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def act() -> None:
        await kept.get(study, "part", make)
        study.version += 1
        assert await kept.get(study, "part", make) == (b"made 2", False)

    _run(act)


def test_a_change_while_it_is_made_makes_it_stale(kept: Kept, clock: Clock) -> None:
    study = _study()

    async def make() -> bytes:
        study.version += 1
        return b"made"

    assert _run(lambda: kept.get(study, "part", make)) == (b"made", True)


def test_many_who_ask_at_once_have_it_made_once_even_where_the_first_goes(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def act() -> None:
        first = asyncio.create_task(kept.get(study, "part", make))
        others = [asyncio.create_task(kept.get(study, "part", make)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.gather(*others) == [(b"made 1", False)] * 5
        assert first.cancelled()

    _run(act)


def test_things_and_studies_are_told_apart(kept: Kept, clock: Clock) -> None:
    one, make = _study(), Maker(clock)

    async def act() -> list[bytes]:
        asked = [(one, "a"), (one, "b"), (_study(2), "a")]
        return [(await kept.get(study, key, make))[0] for study, key in asked]

    assert _run(act) == [b"made 1", b"made 2", b"made 3"]


def test_a_study_read_anew_gets_nothing_of_what_was_made_before(kept: Kept, clock: Clock) -> None:
    make = Maker(clock, seconds=1)

    async def act() -> None:
        await kept.get(_study(), "part", make)
        assert await kept.get(_study(), "part", make) == (b"made 2", False)

    _run(act)


def test_bytes_are_bounded_and_what_was_not_asked_for_longest_goes_first(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def act() -> None:
        for key in ("a", "b", "c"):  # Six bytes each; three of them are 18.
            await kept.get(study, key, make)
        assert make.times == 3
        await kept.get(study, "a", make)
        await kept.get(study, "d", make)
        assert make.times == 4
        for key in ("a", "c", "d"):
            await kept.get(study, key, make)
        assert make.times == 4
        assert await kept.get(study, "b", make) == (b"made 5", False)

    _run(act)


def test_what_is_made_anew_takes_the_room_of_what_it_replaces(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def act() -> None:
        await kept.get(study, "other", make)
        for _ in range(5):
            study.version += 1
            await kept.get(study, "part", make)
        study.version -= 5
        assert await kept.get(study, "other", make) == (b"made 1", False)

    _run(act)


def test_what_fails_fails_those_who_asked_and_is_tried_again(kept: Kept, clock: Clock) -> None:
    study, make = _study(), Maker(clock)

    async def fail() -> bytes:
        raise ValueError("not now")

    async def act() -> None:
        with pytest.raises(ValueError, match="not now"):
            await kept.get(study, "part", fail)
        assert await kept.get(study, "part", make) == (b"made 1", False)

    _run(act)


def test_the_pace_slows_with_those_who_look() -> None:
    assert headers_of(False, 1) == {PACE: "2"}
    assert headers_of(True, 50) == {PACE: "5", STALE: "1"}
