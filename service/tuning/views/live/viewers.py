"""Who watches, and what is forgotten when nobody does any more."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator

REMEMBERED_SECONDS = 60.0
"""After the last viewer has gone: one who loses the connection, or asks again and again, comes back before."""


class Viewers:
    """Counts the viewers of each study, and calls `forget` with its id when there was none for a while. For one event
    loop."""

    def __init__(self, forget: Callable[[int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._forget = forget
        self._counts: Counter[int] = Counter()
        self._leaving: dict[int, asyncio.TimerHandle] = {}

    def count(self, study_id: int) -> int:
        """How many watch it now."""
        return self._counts[study_id]

    @contextlib.contextmanager
    def one_more(self, study_id: int) -> Iterator[None]:
        """Somebody watches the study for the length of the block."""
        self._counts[study_id] += 1
        if leaving := self._leaving.pop(study_id, None):
            leaving.cancel()
        try:
            yield
        finally:
            self._counts[study_id] -= 1
            if not self._counts[study_id]:
                del self._counts[study_id]
                self._leaving[study_id] = self._loop.call_later(REMEMBERED_SECONDS, self._left, study_id)

    def _left(self, study_id: int) -> None:
        del self._leaving[study_id]
        self._forget(study_id)
