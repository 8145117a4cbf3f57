"""ASGI middleware that holds who was let in to his limits, and tells him of them."""

import asyncio
from urllib.parse import unquote_to_bytes

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.access.limits import Kind, Limiter, Refused
from lrtune.service.access.principal import STRANGER, Principal
from lrtune.service.api.http import problems
from lrtune.service.api.http.names import PRINCIPAL
from lrtune.service.api.metrics import Metrics
from lrtune.service.api.middleware.limits import BodyLimit

_PROBES = ("/healthz", "/readyz")
_STREAMS = ("/events", "/trials.csv", "/export")
_MOST_DROPPED_BYTES = 65_536


class Limiting:
    """Stands behind the check of who comes in. Without limits it costs a look into a table."""

    def __init__(self, app: ASGIApp, gate: Limiter, metrics: Metrics) -> None:
        self._app = app
        self._gate = gate
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            principal: Principal = scope.get(PRINCIPAL, STRANGER)
            if not self._gate.is_free(principal):
                await self._serve(principal, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _serve(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        gate, address, kind = self._gate, address_of(scope), kind_of(scope)
        answered = False

        async def telling(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                message = {**message, "headers": [*message["headers"], *gate.headers(principal, address)]}
            await send(message)

        try:
            gate.enter(principal, address, kind)
            app = self._app
            use = gate.use(principal)
            if use is not None and use.most_body_bytes is not None:
                app = BodyLimit(app, use.most_body_bytes, use.too_large)
            if kind != "stream":
                await app(scope, receive, telling)
            else:
                with gate.stream(principal, address):
                    await app(scope, receive, telling)
        except Refused as refused:
            if answered:
                raise
            response = await problems.answer(Request(scope), refused)
            self._metrics.answered(scope["method"], "other", response.status_code, 0.0)
            await response(scope, receive, telling)


def kind_of(scope: Scope) -> Kind:
    """What a request is for the limits."""
    path: str = scope["path"]
    if scope["method"] == "POST":
        return "ask" if path.endswith("/trials") else "request"
    if path.endswith(_STREAMS) or (path.endswith("/status") and _waits(scope["query_string"])):
        return "stream"
    return "probe" if path in _PROBES else "request"


def _waits(query: bytes) -> bool:
    """Whether the query asks to wait, however it is written."""
    return b"wait_seconds" in query or (b"%" in query and b"wait_seconds" in unquote_to_bytes(query))


def address_of(scope: Scope) -> str | None:
    """Where a request comes from: behind a trusted proxy whom that forwards for."""
    client = scope.get("client")
    return client[0] if client else None


async def until_gone(receive: Receive) -> None:
    """Return when the client has gone away. What it sends is thrown away; where that is much, it is not noticed."""
    taken = 0
    while taken <= _MOST_DROPPED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        taken += len(message.get("body", b""))
    await asyncio.Event().wait()
