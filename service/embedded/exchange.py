"""One request to an ASGI application that runs in another thread, and its answer, without a socket."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue

from starlette.types import ASGIApp, Message, Scope

Header = tuple[bytes, bytes]

MOST_WAITING = 32
"""Pieces of a long answer that are made before those in front of them were read."""

_log = logging.getLogger(__name__)


class BrokenOff(Exception):
    """The application ended before its answer was whole."""


class Exchange:
    """One request. `serve` runs in the event loop's thread; all else is for the thread that asks.

    An answer that is whole at once wakes the asking thread once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, scope: Scope, body: bytes) -> None:
        self._loop = loop
        self._scope = scope
        self._request: bytes | None = body
        self._messages: SimpleQueue[Message | None] = SimpleQueue()
        """What the application sent; None at the end."""
        self._start: Message | None = None
        self._more = True
        self._gone = asyncio.Event()
        self._room = asyncio.Semaphore(MOST_WAITING)

    # In the thread that asks

    def head(self, timeout_seconds: float | None) -> tuple[int, Sequence[Header]]:
        """Status and headers. Raises TimeoutError where they take longer, BrokenOff where none come."""
        message = self._next(timeout_seconds)
        return message["status"], message["headers"]

    def body(self, timeout_seconds: float | None) -> Iterator[bytes]:
        """The answer in pieces. Raises TimeoutError where one takes longer, BrokenOff where the rest is missing."""
        while self._more:
            message = self._next(timeout_seconds)
            self._more = message.get("more_body", False)
            if self._more:
                self._call(self._room.release)
            yield message.get("body", b"")

    def leave(self) -> None:
        """Read no more: the application is told that who asked has gone, if it still answers."""
        if self._more:
            self._call(self._stop_sending)

    def _next(self, timeout_seconds: float | None) -> Message:
        try:
            message = self._messages.get(timeout=timeout_seconds)
        except Empty:
            raise TimeoutError from None
        if message is None:
            self._more = False
            raise BrokenOff
        return message

    def _call(self, function: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    # In the event loop

    async def serve(self, app: ASGIApp) -> None:
        """Have the application answer. Never raises but CancelledError; call `end` when it is over."""
        try:
            await app(self._scope, self._receive, self._send)
        except Exception:
            _log.exception("%s %s failed", self._scope["method"], self._scope["path"])

    def end(self) -> None:
        """Nothing more comes."""
        self._messages.put(None)

    async def _receive(self) -> Message:
        body, self._request = self._request, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        more = message.get("more_body", False)
        if self._start is not None:
            self._messages.put({"status": self._start["status"], "headers": self._start.get("headers", ())})
            self._start = None
        if more:
            await self._room.acquire()
        else:
            self._gone.set()  # As of a connection: who waits for the client to go learns it when the answer is whole.
        self._messages.put(message)

    def _stop_sending(self) -> None:
        self._gone.set()
        self._room.release()
