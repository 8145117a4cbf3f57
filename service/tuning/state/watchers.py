"""Waiting for a study to change."""

import asyncio
from collections import defaultdict

EVERY_STUDY = 0
"""No study has this id."""


class Watchers:
    """Wakes coroutines when a commit has changed their study. `notify` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        self._closed = False
        self._collecting: set[int] | None = None

    @property
    def closed(self) -> bool:
        """Whether the service is shutting down."""
        return self._closed

    def collect(self) -> set[int]:
        """The ids of all studies that change, from now on until `stop_collecting`: one set, from which whoever has read
        it takes them. For `wait(EVERY_STUDY)`."""
        if self._collecting is None:
            self._collecting = set()
        return self._collecting

    def stop_collecting(self) -> None:
        """Nobody reads that set any more."""
        self._collecting = None

    def notify(self, study_ids: set[int]) -> None:
        """These studies have changed, on disk."""
        if (self._events or self._collecting is not None) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, study_ids)

    def _wake(self, study_ids: set[int]) -> None:
        if self._collecting is not None:
            self._collecting |= study_ids
            study_ids = {*study_ids, EVERY_STUDY}
        for study_id in study_ids & self._events.keys():
            for event in self._events[study_id]:
                event.set()

    def close(self) -> None:
        """Wake all who wait, as if their time were over, and let nobody wait any more: the service is shutting down.

        In the event loop.
        """
        self._closed = True
        self._wake(set(self._events))

    async def wait(self, study_id: int, timeout_seconds: float) -> bool:
        """Wait for the next change of a study; False after the timeout, and where the service shuts down."""
        if self._closed:
            return False
        event = asyncio.Event()
        self._events[study_id].add(event)
        try:
            async with asyncio.timeout(timeout_seconds):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._events[study_id].discard(event)
            if not self._events[study_id]:
                del self._events[study_id]
        return not self._closed
