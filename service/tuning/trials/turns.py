"""Asks of one study take turns, so that each draw knows of those before it. All of it is for one event loop."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

from lrtune.service.storage.memory.study import StudyMirror

TIMEOUT_SECONDS = 12.0
"""How long an ask waits for its turn. With the limits of `Drawers` that stays below the 30 s of a client."""

_CROWD = 32
"""So many asks of a study that wait are a crowd: a large fleet that begins."""

_LEARNED = 4
"""With fewer complete trials a model can do no better for a crowd than spread it, at ten times the cost, and the last
of a thousand would wait for that."""


class Turns:
    """Who draws, and how many wait, by the study's id."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._waiting: Counter[int] = Counter()
        self._limits: set[asyncio.Timeout] = set()
        self.closed = False

    def close(self) -> None:
        """From here on nobody waits: a service that ends would end so much later, and another one may draw."""
        self.closed = True
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(asyncio.get_running_loop().time())

    @contextlib.asynccontextmanager
    async def turn(self, study_id: int) -> AsyncIterator[None]:
        """Wait for it, and have it until the block ends. Raises TimeoutError, at once where turns are closed."""
        lock = self._locks.get(study_id)
        if lock is None:
            lock = self._locks[study_id] = asyncio.Lock()
        self._waiting[study_id] += 1
        try:
            async with asyncio.timeout(0 if self.closed else TIMEOUT_SECONDS) as limit:
                self._limits.add(limit)
                try:
                    await lock.acquire()
                finally:
                    self._limits.discard(limit)
        finally:
            self._waiting[study_id] -= 1
            if not self._waiting[study_id]:
                del self._waiting[study_id]
        try:
            yield
        finally:
            lock.release()

    def is_crowded(self, study: StudyMirror) -> bool:
        """Whether so many wait, and so little is known, that whoever has the turn should be quick."""
        return self._waiting[study.study_id] >= _CROWD and len(study.ranking) < _LEARNED
