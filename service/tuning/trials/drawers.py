"""The threads that draw: how many, and for how long.

A thread cannot be ended, but it does not outlive the process. A draw that takes too long is left to itself: its ask
goes on without it, another thread takes its place, and its study's sampler is not asked again until the draw has ended
and a while has passed. So a study whose sampler is too slow costs a share of one core, and the others nothing. Only so
many threads take a place: beyond that a draw that takes too long keeps its own, and asks that find none free come back
later.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar, cast

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
        self._free = asyncio.Semaphore(at_once)
        self._closed = False
        self._left = 0
        self._aside: dict[int, _Aside] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """From here on nothing is drawn; draws under way are not waited for."""
        self._closed = True

    async def draw(
        self, study_id: int, work: Callable[[], Result], prepare: Callable[[], None] | None = None
    ) -> Result:
        """What `work` gives, which runs in a thread; `prepare` before it, of which no time counts.

        Raises DrawTooLong, and TimeoutError where no thread became free within the limit.
        """
        if self._closed:
            raise DrawTooLong("the service is ending")
        self._check_aside(study_id)
        async with asyncio.timeout(self.limit_seconds):
            await self._free.acquire()
        future, began = None, self._clock()
        try:
            if prepare is not None:
                await _in_thread(prepare)
            began = self._clock()
            future = _in_thread(work)
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


def _in_thread(work: Callable[[], Result]) -> "asyncio.Future[Result]":
    """What `work` gives, from a thread that nobody waits for when the process ends."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def tell(result: Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(Result, result))

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # It is raised where the result is waited for.
            error = caught
        with contextlib.suppress(RuntimeError):  # The loop was closed meanwhile.
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name="lrtune-draw", daemon=True).start()
    return future
