"""What workers call all the time, served without FastAPI's machinery.

Validating a report, deciding on it and committing it take less time than FastAPI's handling of the request around
them. These calls go straight from the bytes of the body to the endpoint's own function, and from its answer to bytes;
anything unusual about a request goes on to FastAPI, which documents these endpoints and answers the same.
"""

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.api import problems, trials
from lrtune.service.api.container import Container
from lrtune.service.api.metrics import Metrics
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

    def __init__(self, app: ASGIApp, parts: Callable[[], Container], metrics: Metrics, max_bytes: int) -> None:
        self._app = app
        self._parts = parts
        self._metrics = metrics
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            match = _PATH.fullmatch(scope["path"])
            if match is not None and self._is_usual(scope["headers"]):
                await self._serve(match, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_usual(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether the body is announced as JSON, of a length that is allowed."""
        json, length = False, -1
        for name, value in headers:
            if name == b"content-type":
                json = value.startswith(b"application/json")
            elif name == b"content-length" and value.isdigit():
                length = int(value)
        return json and 0 <= length <= self._max_bytes

    async def _serve(self, match: re.Match[str], scope: Scope, receive: Receive, send: Send) -> None:
        begun = time.perf_counter()
        study, number, name = match.groups()
        body = await _read(receive)
        if body is None:
            return
        try:
            status, content = await self._call(study, int(number or 0), name, body)
            response: Response | None = None
        except Exception as error:
            response = await _problem(Request(scope), error)
            status, content = response.status_code, b""
        if response is not None:
            await response(scope, receive, send)
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
        self._metrics.answered("POST", _ROUTES[name], status, time.perf_counter() - begun)

    async def _call(self, study: str, number: int, name: str | None, body: bytes) -> tuple[int, bytes]:
        model, call = _CALLS[name]
        parsed = model.__pydantic_validator__.validate_json(body)
        reply = await call(study, number, parsed, self._parts())
        return 201 if isinstance(reply, LeasedTrial) else 200, reply.__pydantic_serializer__.to_json(reply)


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None where the client has gone."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body if message["type"] == "http.request" else None


async def _problem(request: Request, error: Exception) -> Response:
    if isinstance(error, ValidationError):
        raw = [{**found, "loc": ("body", *found["loc"])} for found in error.errors()]
        error = RequestValidationError(raw)
    return await problems.answer(request, error)
