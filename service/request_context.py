"""Which request something is done for: what a line in the log, and a trace, name it by.

What is told is read from the request when a line asks for it, so that a request pays for none of it.
"""

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from starlette.types import Scope

from lrtune.service.wire.access.secrets import holds_secret

PRINCIPAL = "lrtune.principal"
"""Where in a request's scope stands who it comes from."""
ROUTE = "lrtune.route"
"""Where stands the route of what is answered before FastAPI."""
TRACE = "lrtune.trace"
"""Where stands the id of its trace, if it has one."""
_REQUEST = "lrtune.request"

ACCESS_LOGGER = "lrtune.access"
"""By which a line of each request is said, where that is wished for."""

REQUEST: ContextVar[Scope | None] = ContextVar("lrtune_request", default=None)
"""The request that the current task works for. Set where it is let in.

What the event loop does for several at once, a commit say, is told of the one that began it.
"""

_OF_A_STUDY = re.compile(r"(?:/v1)?/studies/([^/]+)(?:/trials/([0-9]{1,9})(?:/|$))?")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


def ids_of(scope: Scope) -> dict[str, Any]:
    """`request`, `study`, `trial`, `token` and `trace`, as far as the request has them.

    The request's id is its `X-Request-ID`, as a proxy sets it; without one that is fit for a log, it is made up.
    """
    found: dict[str, Any] = {"request": _request_id(scope)}
    if match := _OF_A_STUDY.match(shown_path(scope)):
        found["study"] = match[1]
        if match[2] is not None:
            found["trial"] = int(match[2])
    token_id = getattr(scope.get(PRINCIPAL), "token_id", None)
    if token_id is not None:
        found["token"] = token_id
    if TRACE in scope:
        found["trace"] = scope[TRACE]
    return found


def add_ids(_logger: object, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """A processor of structlog: lines that are written for a request say for which."""
    scope = REQUEST.get()
    return event if scope is None else {**ids_of(scope), **event}


def shown_path(scope: Scope) -> str:
    """The path for a log: not where somebody has put a token into it."""
    path: str = scope["path"]
    return "(holds a token)" if holds_secret(path.encode("utf-8", "replace")) else path


def route_of(scope: Scope) -> str:
    """The path with its names in braces; `other` where no path fits."""
    path = scope.get(ROUTE) or getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "other"


def _request_id(scope: Scope) -> str:
    known: str | None = scope.get(_REQUEST)
    if known is None:
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        known = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope[_REQUEST] = known
    return known
