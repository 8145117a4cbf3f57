"""The end of a commit, and those who wait for it."""

import asyncio
import threading

from lrtune.service.storage.errors import StorageUnavailable

COMMIT_TIMEOUT_SECONDS = 60.0


class Completion:
    """Threads and coroutines may wait for it; it comes when the commit has succeeded or failed."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._futures: list[asyncio.Future[None]] = []
        self._limit: asyncio.TimerHandle | None = None

    @property
    def ended(self) -> bool:
        """Whether the commit has succeeded or failed."""
        return self._ended.is_set()

    def end(self) -> None:
        """Wake all who wait. From any thread."""
        with self._lock:
            self._ended.set()
            futures, self._futures = self._futures, []
        if not futures:
            return
        loop = futures[0].get_loop()
        if _runs_here(loop):
            self._resolve(futures)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._resolve, futures)

    def _resolve(self, futures: "list[asyncio.Future[None]]") -> None:
        if self._limit is not None:
            self._limit.cancel()
        for future in futures:
            if not future.done():
                future.set_result(None)

    def wait(self) -> None:
        """Block the thread until the end. Raises StorageUnavailable where that takes more than a minute."""
        if not self._ended.wait(COMMIT_TIMEOUT_SECONDS):
            raise _too_slow()

    async def wait_async(self) -> None:
        """Wait in a coroutine until the end. Raises StorageUnavailable where that takes more than a minute.

        All coroutines that wait must be of one event loop. One timer serves them all.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._ended.is_set():
                return
            future = loop.create_future()
            self._futures.append(future)
            if self._limit is None:
                self._limit = loop.call_later(COMMIT_TIMEOUT_SECONDS, self._give_up)
        await future

    def _give_up(self) -> None:
        with self._lock:
            futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_exception(_too_slow())


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


def _too_slow() -> StorageUnavailable:
    return StorageUnavailable(
        f"the database did not commit within {COMMIT_TIMEOUT_SECONDS:.0f} s; try again", retry_after_seconds=5
    )
