"""The threads that draw: how many, and for how long.

A thread cannot be ended. A draw that takes too long is left to itself: its ask goes on without it, another thread takes
its place, and its study's sampler is not asked again until the draw has ended and a while has passed. So a study whose
sampler is too slow costs a share of one core, and the others nothing. Only so many threads take a place: beyond that a
draw that takes too long keeps its own, and asks that find none free come back later.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

_MOST_LEFT = 4
"""Draws that were left to themselves, in whose place others began."""

_REST = 10.0
"""How long a sampler that was too slow is left aside, in times of what its draw took."""


class DrawTooLong(Exception):
    """A draw takes longer than it may, or one before it did."""


@dataclass
class _Aside:
    """A study whose sampler is left aside, while its draw goes on (`until` None) and for a while after."""

    began: float
    until: float | None = None


class Drawers:
    """Threads for draws, `at_once` of them at a time, with `limit_seconds` for each draw.

    `clock` counts seconds, evenly. All methods are for one event loop.
    """

    def __init__(
        self, at_once: int = 2, limit_seconds: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limit_seconds = limit_seconds
        self._clock = clock
        self._threads = ThreadPoolExecutor(at_once + _MOST_LEFT, thread_name_prefix="lrtune-draw")
        self._free = asyncio.Semaphore(at_once)
        self._left = 0
        self._aside: dict[int, _Aside] = {}

    async def draw(
        self, study_id: int, work: Callable[[], Result], prepare: Callable[[], None] | None = None
    ) -> Result:
        """What `work` gives, which runs in a thread; `prepare` before it, of which no time counts.

        Raises DrawTooLong, and TimeoutError where no thread became free within the limit.
        """
        self._check_aside(study_id)
        async with asyncio.timeout(self.limit_seconds):
            await self._free.acquire()
        loop, future, began = asyncio.get_running_loop(), None, self._clock()
        try:
            if prepare is not None:
                await loop.run_in_executor(self._threads, prepare)
            began = self._clock()
            future = loop.run_in_executor(self._threads, work)
            async with asyncio.timeout(self.limit_seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            if future is None:
                raise
            if future.done():  # At the last moment.
                return future.result()
            raise DrawTooLong(f"its draw took longer than {self.limit_seconds:g} s") from None
        finally:
            if future is None or future.done():
                self._free.release()
            else:
                self._leave(study_id, future, began)

    def _check_aside(self, study_id: int) -> None:
        aside = self._aside.get(study_id)
        if aside is None:
            return
        now = self._clock()
        if aside.until is None:
            raise DrawTooLong(f"an earlier draw has taken {now - aside.began:.0f} s so far and goes on")
        if now < aside.until:
            raise DrawTooLong(f"an earlier draw took too long; the sampler is asked again in {aside.until - now:.0f} s")
        del self._aside[study_id]

    def _leave(self, study_id: int, future: "asyncio.Future[Result]", began: float) -> None:
        """Leave a draw to itself, and its place to another where there may be one more."""
        replaced = self._left < _MOST_LEFT
        self._aside = {key: one for key, one in self._aside.items() if one.until is None or one.until > began}
        aside = self._aside[study_id] = _Aside(began)
        if replaced:
            self._left += 1
            self._free.release()

        def ended(late: "asyncio.Future[Result]") -> None:
            if not late.cancelled():
                late.exception()
            now = self._clock()
            aside.until = now + _REST * (now - began)
            if replaced:
                self._left -= 1
            else:
                self._free.release()

        future.add_done_callback(ended)

    def close(self) -> None:
        """Wait for the draws under way."""
        self._threads.shutdown(cancel_futures=True)
