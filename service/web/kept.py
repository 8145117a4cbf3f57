"""What pages are made of, kept for all who look: made once, by one of them, and at a pace that leaves time for others.

Each thing has a key within its study. It is made anew when its study has changed, or when it is old (ages stand in it),
but not before it has rested for a multiple of the time it took. Who comes meanwhile gets it as it was, and is told so.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request

from lrtune.service.storage.memory.study import StudyMirror

STALE = "Lrtune-Stale"
"""The header of an answer that is older than its study: ask again a little later."""
PACE = "Lrtune-Pace"
"""The header that tells pages how many seconds to leave between two looks at the same thing."""

_REST = 20.0
_MOST_REST_SECONDS = 10.0
_OLD_SECONDS = 1.0
_MOST_BYTES = 64 * 2**20
_LEAST_PACE_SECONDS = 2.0
_VIEWERS_A_SECOND = 10.0

Make = Callable[[], Awaitable[bytes]]


class _Incarnation:
    """Tells a study in memory from the same study read anew, whose versions may repeat."""


@dataclass(frozen=True)
class _Made:
    """The bytes, of which version of the study, when they were made, and until when they rest."""

    body: bytes
    of: _Incarnation
    version: int
    at: float
    rests_until: float


class Kept:
    """What was made, of all studies together at most 64 MiB; what was not asked for longest goes first. For one event
    loop. `clock` tells seconds."""

    def __init__(self, most_bytes: int = _MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._made: OrderedDict[tuple[int, str], _Made] = OrderedDict()
        self._making: dict[tuple[int, str], asyncio.Task[_Made]] = {}

    async def get(
        self, study: StudyMirror, key: str, make: Make, *, old_after: float = _OLD_SECONDS
    ) -> tuple[bytes, bool]:
        """What `make` makes, and whether the study has changed since it was made.

        `old_after` is in seconds: what is older is made anew though the study has not changed. Raises what `make`
        raises.
        """
        place = (study.study_id, key)
        found = self._made.get(place)
        now = self._clock()
        if found is not None and found.of is study.derived(_Incarnation):
            changed = found.version != study.version
            if now < found.rests_until or (not changed and now - found.at < old_after):
                self._made.move_to_end(place)
                return found.body, changed
        making = self._making.get(place)
        if making is None:
            making = self._making[place] = asyncio.create_task(self._make(study, make))
            making.add_done_callback(lambda task: self._keep(place, task))
        made = await asyncio.shield(making)
        return made.body, made.version != study.version

    async def _make(self, study: StudyMirror, make: Make) -> _Made:
        begun, version, of = self._clock(), study.version, study.derived(_Incarnation)
        body = await make()
        now = self._clock()
        return _Made(body, of, version, now, now + min(_REST * (now - begun), _MOST_REST_SECONDS))

    def _keep(self, place: tuple[int, str], task: "asyncio.Task[_Made]") -> None:
        del self._making[place]
        self._drop(place)
        if task.cancelled() or task.exception() is not None:
            return
        self._made[place] = made = task.result()
        self._bytes += len(made.body)
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._made)))

    def _drop(self, place: tuple[int, str]) -> None:
        if (gone := self._made.pop(place, None)) is not None:
            self._bytes -= len(gone.body)


def kept_of(request: Request) -> Kept:
    """That of the service, made when it is first asked for."""
    state = request.app.state
    if not hasattr(state, "kept"):
        state.kept = Kept()
    found: Kept = state.kept
    return found


def headers_of(stale: bool, viewers: int) -> dict[str, str]:
    """What is told beside it: whether it is stale; and the pace, slower the more look at the study."""
    pace = max(_LEAST_PACE_SECONDS, viewers / _VIEWERS_A_SECOND)
    return {PACE: f"{pace:.3g}", **({STALE: "1"} if stale else {})}
