"""Limits of gRPC calls: those of the HTTP API, which the event loop keeps, asked for in the threads that serve."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from lrtune.service.access.limits import Limiter, TooManyRequests
from lrtune.service.access.limits.limiter import Spent
from lrtune.service.access.principal import Principal
from lrtune.service.storage.errors import StorageUnavailable

Result = TypeVar("Result")

_MOST_WAITING = 4
"""Threads, of the 32 that serve calls, that may wait with the answer to a wrong token."""
_LOOP_SECONDS = 30.0


class CallLimits:
    """The limits of the process. Any thread but the event loop's may call."""

    def __init__(
        self, gate: Limiter, loop: asyncio.AbstractEventLoop, *, patience_seconds: float = _LOOP_SECONDS
    ) -> None:
        self._gate = gate
        self._patience_seconds = patience_seconds
        self._loop = loop
        self._waiting = threading.BoundedSemaphore(_MOST_WAITING)

    @contextmanager
    def taking(
        self, principal: Principal, address: str | None, size: int = 0, *, trials: int = 0, steps: int = 0
    ) -> Iterator[None]:
        """Count a call of `size` bytes, and what is taken in by the block; that is given back where the block fails.
        Raises Refused, StorageUnavailable."""
        if self._gate.is_known_free(principal):
            yield
            return
        spent = self._run(self._enter(principal, address, size, trials, steps))
        try:
            yield
        except BaseException:
            if spent is not None:
                self._loop.call_soon_threadsafe(spent.give_back)
            raise

    @contextmanager
    def creating(self, principal: Principal, count: Callable[[str], int]) -> Iterator[None]:
        """A study is created within the block: see `Limiter.creating`. Raises TooManyStudies, StorageUnavailable."""
        if self._gate.is_known_free(principal):
            yield
            return
        turn = self._gate.creating(principal.token_id, count)
        self._run(_begin(turn))
        try:
            yield
        finally:
            self._run(_end(turn))

    def wrong(self, address: str | None, reason: str) -> None:
        """Return when a wrong token may be answered. Raises TooManyRequests, at once where too many wait;
        StorageUnavailable."""
        if not self._waiting.acquire(blocking=False):
            self._gate.note_wrong(reason)
            told = "too many wrong tokens come to this port; check the token"
            raise TooManyRequests("wrong_tokens", told, wait=1)
        try:
            self._run(self._gate.wrong(address, reason))
        finally:
            self._waiting.release()

    async def _enter(
        self, principal: Principal, address: str | None, size: int, trials: int, steps: int
    ) -> Spent | None:
        self._gate.enter(principal, address, "ask" if trials else "request")
        use = self._gate.use(principal)
        if use is not None and use.most_body_bytes is not None and size > use.most_body_bytes:
            raise use.too_large()
        return self._gate.steps(principal.token_id, trials, steps) if trials or steps else None

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return asked.result(self._patience_seconds)
        except TimeoutError:
            asked.cancel()
            raise StorageUnavailable("the service is too busy to look at the limits of this token; try again") from None


async def _begin(turn: AbstractAsyncContextManager[None]) -> None:
    await turn.__aenter__()


async def _end(turn: AbstractAsyncContextManager[None]) -> None:
    await turn.__aexit__(None, None, None)
