"""An HTTP transport without a socket: requests go to an ASGI application that runs in another thread."""

import os
from collections.abc import Iterator
from typing import Any, Protocol

import httpx2

from lrtune.trainers.errors import LrtuneError

_USUAL_PORT = 80


class Asked(Protocol):
    """One request, and its answer as it comes: see `lrtune.service.embedded.exchange`."""

    def head(self, timeout_seconds: float | None) -> tuple[int, Any]: ...
    def body(self, timeout_seconds: float | None) -> Iterator[bytes]: ...
    def leave(self) -> None: ...


class Application(Protocol):
    """What answers: see `lrtune.service.embedded.service`."""

    def ask(self, scope: dict[str, Any], body: bytes) -> Asked: ...


class LocalTransport(httpx2.BaseTransport):
    """`broken` and `ended` are what the application raises where an answer breaks off, and once it is closed.

    Raises LrtuneError in a forked child, where the application's thread is missing, and once it is closed.
    """

    def __init__(self, application: Application, file: str, *, broken: type[Exception], ended: type[Exception]) -> None:
        self._application = application
        self._file = file
        self._broken = broken
        self._ended = ended
        self._pid = os.getpid()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        if os.getpid() != self._pid:
            raise LrtuneError(
                f"the engine of {self._file} runs in the process that this one was forked from: report there, or have "
                '`lrtune serve` serve the file, and use Client("http://HOST:PORT") in both'
            )
        seconds = request.extensions.get("timeout", {}).get("read")
        try:
            asked = self._application.ask(_scope(request), request.read())
        except self._ended as error:
            raise LrtuneError(str(error)) from None
        stream = _Answer(asked, request, seconds, self._broken)
        try:
            status, headers = stream.head()
        except BaseException:
            asked.leave()
            raise
        return httpx2.Response(status, headers=headers, stream=stream)


class _Answer(httpx2.SyncByteStream):
    def __init__(self, asked: Asked, request: httpx2.Request, seconds: float | None, broken: type[Exception]) -> None:
        self._asked = asked
        self._request = request
        self._seconds = seconds
        self._broken = broken

    def head(self) -> tuple[int, Any]:
        try:
            return self._asked.head(self._seconds)
        except TimeoutError:
            raise self._silent() from None
        except self._broken:
            raise self._torn() from None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._asked.body(self._seconds)
        except TimeoutError:
            raise self._silent() from None
        except self._broken:
            raise self._torn() from None

    def close(self) -> None:
        self._asked.leave()

    def _silent(self) -> httpx2.ReadTimeout:
        return httpx2.ReadTimeout("the engine is silent", request=self._request)

    def _torn(self) -> httpx2.RemoteProtocolError:
        return httpx2.RemoteProtocolError("the engine broke off its answer", request=self._request)


def _scope(request: httpx2.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port or _USUAL_PORT),
        "client": None,
        "root_path": "",
        "state": {},
    }
