"""The way from the process that a request came to, to the one that serves its study: one hop over HTTP."""

import asyncio
import contextlib
import hmac
import logging
from collections.abc import AsyncIterator
from enum import Enum

import httpx2
from starlette.types import Scope, Send

from lrtune.service.api.sharing.requests import WholeBody, is_repeatable
from lrtune.service.connections.refusals import UNREAD
from lrtune.service.storage.engine.shard_keeper import Owner

_log = logging.getLogger(__name__)

SECRET, CLIENT, SCHEME = b"lrtune-hop", b"lrtune-hop-for", b"lrtune-hop-scheme"
OWNER = b"lrtune-owner"
"""With each answer that came from another process: its address."""
_OURS = (SECRET, CLIENT, SCHEME)
_OF_ONE_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect")
)
_TIMEOUT = httpx2.Timeout(connect=2.0, read=90.0, write=30.0, pool=10.0)
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=256, keepalive_expiry=30.0)
NOT_ITS_OWNER = 421


class Outcome(Enum):
    """What became of a request that was sent on."""

    ANSWERED = "answered"
    NOT_THERE = "not_there"
    """Nobody has read it, or who did does not serve the study: it may be sent again."""
    UNKNOWN = "unknown"
    """It may have been done, the answer lost."""


def believed(scope: Scope, secret: str) -> Scope | None:
    """The request as it was when it came to the process that sent it on; None where none did that knows the secret."""
    told = {name: value for name, value in scope["headers"] if name in _OURS}
    given = told.get(SECRET)
    if given is None or not hmac.compare_digest(given, secret.encode()):
        return None
    headers = [(name, value) for name, value in scope["headers"] if name not in _OURS]
    address = told.get(CLIENT, b"").decode("latin-1")
    client = (address, 0) if address else None
    return {**scope, "headers": headers, "client": client, "scheme": told.get(SCHEME, b"http").decode("latin-1")}


class Hop:
    """Sends requests on. Its connections are those of one event loop."""

    def __init__(self) -> None:
        self._client: httpx2.AsyncClient | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Requests can be sent within the block."""
        async with httpx2.AsyncClient(timeout=_TIMEOUT, limits=_LIMITS, trust_env=False) as client:
            self._client = client
            try:
                yield
            finally:
                self._client = None

    async def send(self, owner: Owner, scope: Scope, content: bytes, body: WholeBody, send: Send) -> Outcome:
        """Have a request answered by the owner of its study, for as long as the client is there."""
        answering = asyncio.ensure_future(self._answer(owner, scope, content, send))
        leaving = asyncio.ensure_future(body.gone())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                return Outcome.ANSWERED  # There is nobody who waits for it.
            return answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, owner: Owner, scope: Scope, content: bytes, send: Send) -> Outcome:
        assert self._client is not None
        request = _request(owner, scope, content)
        begun = False
        try:
            response = await self._client.send(request, stream=True)
            try:
                if response.status_code == NOT_ITS_OWNER or UNREAD.decode() in response.headers:
                    return Outcome.NOT_THERE
                begun = True
                await _pass_on(response, owner, send)
            finally:
                await response.aclose()
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return Outcome.NOT_THERE
        except httpx2.HTTPError as error:
            if begun:
                raise  # Half an answer is there: the connection breaks, as the owner's did.
            _log.warning("no answer from %s: %s", owner.address, error or type(error).__name__)
            return Outcome.NOT_THERE if is_repeatable(scope, content) else Outcome.UNKNOWN
        return Outcome.ANSWERED


def _request(owner: Owner, scope: Scope, content: bytes) -> httpx2.Request:
    skipped = {*_OF_ONE_CONNECTION, *_OURS, b"content-length"}
    headers = [(name, value) for name, value in scope["headers"] if name not in skipped]
    client = scope.get("client")
    headers += [
        (SECRET, owner.secret.encode()),
        (CLIENT, (client[0] if client else "").encode("latin-1", "replace")),
        (SCHEME, scope.get("scheme", "http").encode()),
    ]
    if content or scope["method"] not in ("GET", "HEAD"):
        headers.append((b"content-length", b"%d" % len(content)))
    query: bytes = scope.get("query_string", b"")
    target = scope.get("raw_path", scope["path"].encode()) + (b"?" + query if query else b"")
    url = httpx2.URL(owner.address).copy_with(raw_path=target)
    return httpx2.Request(scope["method"], url, headers=headers, content=content or None)


async def _pass_on(response: httpx2.Response, owner: Owner, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in _OF_ONE_CONNECTION]
    headers.append((OWNER, owner.address.encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    async for part in response.aiter_raw():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
