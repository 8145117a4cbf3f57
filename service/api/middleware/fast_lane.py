"""What workers call all the time, served without FastAPI's machinery.

Validating a report, deciding on it and committing it take less time than FastAPI's handling of the request around
them. These calls go straight from the bytes of the body to the endpoint's own function, and from its answer to bytes;
a request that does not tell its length goes on to FastAPI, which documents these endpoints. Both read the body with
`lrtune.service.api.http.bodies` and answer the same.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api import trials
from lrtune.service.api.container import Container
from lrtune.service.api.http import problems
from lrtune.service.api.http.bodies import BodyReader, Headers
from lrtune.service.api.metrics import Metrics
from lrtune.service.request_context import ROUTE
from lrtune.service.wire.trials import Ask, Heartbeat, LeasedTrial, Release, Reports, Result

_PATH = re.compile(r"/v1/studies/([^/]+)/trials(?:/([0-9]{1,9})/(reports|heartbeat|result|release))?")

Call = Callable[[str, int, Any, Container], Awaitable[BaseModel]]


async def _ask(study: str, _number: int, body: Ask, parts: Container) -> BaseModel:
    return await parts.trials.ask(study, body)


_CALLS: dict[str | None, tuple[type[BaseModel], Call]] = {
    None: (Ask, _ask),
    "reports": (Reports, trials.report),
    "heartbeat": (Heartbeat, trials.heartbeat),
    "result": (Result, trials.result),
    "release": (Release, trials.release),
}
_ROUTES = {name: "/v1/studies/{study}/trials" + (f"/{{number}}/{name}" if name is not None else "") for name in _CALLS}


class FastLane:
    """ASGI middleware. `parts` gives the running service's parts; a body of more than `max_bytes` goes on to FastAPI,
    to be refused."""

    def __init__(
        self, app: ASGIApp, parts: Callable[[], Container], bodies: BodyReader, metrics: Metrics, max_bytes: int
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._parts = parts
        self._metrics = metrics
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            match = _PATH.fullmatch(scope["path"])
            if match is not None and self._has_length(scope["headers"]):
                await self._serve(match, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _has_length(self, headers: Headers) -> bool:
        """Whether a length is announced, and is allowed."""
        for name, value in headers:
            if name == b"content-length":
                return value.isdigit() and int(value) <= self._max_bytes
        return False

    async def _serve(self, match: re.Match[str], scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        study, number, name = match.groups()
        scope[ROUTE] = _ROUTES[name]
        body = await _read(receive)
        if body is None:
            return
        try:
            status, content = await self._call(study, int(number or 0), name, body, scope["headers"])
            response: Response | None = None
        except Exception as error:
            response = await problems.answer(Request(scope), error)
            status, content = response.status_code, b""
        if response is not None:
            await response(scope, receive, send)
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
        self._metrics.answered("POST", _ROUTES[name], status, time.perf_counter() - begun)

    async def _call(
        self, study: str, number: int, name: str | None, body: bytes, headers: Headers
    ) -> tuple[int, bytes]:
        model, call = _CALLS[name]
        parsed = await self._bodies.read(model, body, headers)
        reply = await call(study, number, parsed, self._parts())
        return 201 if isinstance(reply, LeasedTrial) else 200, reply.__pydantic_serializer__.to_json(reply)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the client has gone."""
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        return bytes(message.get("body", b""))
    parts: list[bytes] = [message.get("body", b"")]
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
    return b"".join(parts) if message["type"] == "http.request" else None
