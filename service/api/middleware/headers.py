"""What every answer tells browsers: take it for what it says it is, frame it nowhere, tell nobody where one was.

Nothing allows other sites to read answers (CORS is off).
"""

import base64
import hashlib
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrtune.service.connections.refusals import ALWAYS

Header = tuple[bytes, bytes]

_POLICY = b"content-security-policy"
_NOTHING = (_POLICY, b"default-src 'none'; frame-ancestors 'none'")
_PAGE = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src {scripts}; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_OWN_SCRIPTS = (_POLICY, _PAGE.format(scripts="'self'").encode())
_IS_JSON = (b"content-type", b"application/json")
_JSON = (_NOTHING,)
_NOT_KEPT = (b"cache-control", b"no-store")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")
"""Told where the service is the machine's site at the usual port: browsers ask for the whole host by https then, at
whatever port."""
_DOCS = ("/docs", "/docs/oauth2-redirect")
"""Pages with scripts in them, and with nothing that came from outside."""
_MAYBE_SECRET = ("/v1/tokens", "/v1/me", "/v1/audit", "/sign-")
_SECRET = re.compile(r"/v1/tokens(/.*)?|/v1/(me|audit)|/sign-(in|out)")
_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """ASGI middleware. A content security policy that an answer has already is left as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in _DOCS:
            await self._app(scope, receive, _Docs(_sending(scope, send)))
        else:
            await self._app(scope, receive, _sending(scope, send))


def _sending(scope: Scope, send: Send) -> Send:
    more = _of_request(scope)
    not_kept = _NOT_KEPT in more

    def sending(message: Message) -> object:  # Not async: a frame less on the way of each answer.
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            policy = _JSON if headers and headers[0] == _IS_JSON else _policy(headers)
            if not_kept:
                headers = [header for header in headers if header[0] != _NOT_KEPT[0]]
            message["headers"] = [*headers, *more, *policy]
        return send(message)

    return sending  # type: ignore[return-value]


def _of_request(scope: Scope) -> list[Header]:
    """What is told whatever the answer is."""
    more = ALWAYS
    if scope["scheme"] == "https" and not any(
        name == b"host" and re.search(rb":[0-9]+$", value) for name, value in scope["headers"]
    ):
        more = [*more, _HTTPS_ONLY]
    path = scope["path"]
    if path.startswith(_MAYBE_SECRET) and _SECRET.fullmatch(path):
        more = [*more, _NOT_KEPT]
    return more


def _policy(headers: Iterable[Header]) -> tuple[Header, ...]:
    policy = _NOTHING
    for name, value in headers:
        lower = name.lower()
        if lower == _POLICY:
            return ()
        if lower == b"content-type" and value.startswith(b"text/html"):
            policy = _OWN_SCRIPTS
    return (policy,)


class _Docs:
    """`send` for a page whose own scripts are let run, by their digests."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            digests = [hashlib.sha256(script).digest() for script in _SCRIPT.findall(message.get("body", b""))]
            scripts = " ".join(["'self'", *(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)])
            start["headers"] = [*start["headers"], (_POLICY, _PAGE.format(scripts=scripts).encode())]
            await self._send(start)
        await self._send(message)
