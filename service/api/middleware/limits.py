"""ASGI middleware that refuses large bodies."""

from collections.abc import Callable

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.api.http import problems


class _TooLarge(BaseException):
    """Not an Exception: FastAPI makes of any that is raised while a body is read a 400. `by` is whose limit it is."""

    def __init__(self, by: "BodyLimit") -> None:
        self.by = by


class BodyLimit:
    """Answers 413 to a body of more than `max_bytes`, whether it announces its length or not. What is told may be
    another error than that of the service's own limit."""

    def __init__(self, app: ASGIApp, max_bytes: int, told: Callable[[], Exception] | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        received = 0
        answered = False

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise _TooLarge(self)
            return message

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, counting, noting)
        except _TooLarge as found:
            if found.by is not self:
                raise
            if not answered:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._told is not None:
            await (await problems.answer(Request(scope), self._told()))(scope, receive, send)
            return
        detail = f"the body is larger than {self._max_bytes} bytes; send less at once"
        await problems.problem(413, "body-too-large", "The body is too large", detail)(scope, receive, send)
