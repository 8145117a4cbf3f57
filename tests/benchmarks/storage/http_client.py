"""A cheap HTTP client: one keep-alive connection, one request at a time, prebuilt bytes out, the least parsing in."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

Reply = Callable[[int, bytes], None]
"""Called with the status and the body."""


class UnexpectedReply(Exception):
    """A reply that a correct run does not get."""


class Connection(asyncio.Protocol):
    """One connection. The sender of a request looks at the status of its reply."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._then: Reply | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance.

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: the other side has gone. Whoever waits is told by status 0."""
        then, self._then = self._then, None
        self._transport = None
        if then is not None:
            then(0, b"")

    def send(self, request: bytes, then: Reply) -> None:
        """Send a whole request; `then` is called with its reply, or with status 0 where the connection breaks."""
        self._then = then
        if self._transport is None:
            self._then = None
            then(0, b"")
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """asyncio's: some bytes of a reply."""
        if self._buffer:
            data = self._buffer + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._buffer = data
            return
        body_start = head_end + 4
        found = data.find(b"content-length: ", 0, body_start)
        length = int(data[found + 16 : data.index(b"\r", found)]) if found >= 0 else 0
        if len(data) - body_start < length:
            self._buffer = data
            return
        self._buffer = b""
        then, self._then = self._then, None
        if then is not None:
            then(int(data[9:12]), data[body_start:])

    async def call(self, request: bytes, *accepted: int) -> Any:
        """Send a request and return the JSON of its reply. Raises UnexpectedReply where its status is not accepted."""
        future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def arrived(status: int, body: bytes) -> None:
            if not future.done():
                future.set_result((status, body))

        self.send(request, arrived)
        status, body = await future
        if status not in accepted:
            raise UnexpectedReply(f"{request.partition(b' HTTP')[0].decode()} got {status}: {body[:300].decode()}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


async def connect(address: str, count: int, *, source: str | None = None) -> list[Connection]:
    """`count` connections to `http://HOST:PORT`, from the address `source` where given."""
    parts = urlsplit(address)
    loop = asyncio.get_running_loop()
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    here = None if source is None else (source, 0)
    made = [await loop.create_connection(Connection, host, port, local_addr=here) for _ in range(count)]
    return [connection for _, connection in made]


def post(path: str, body: Any, token: str = "") -> bytes:
    """The bytes of a POST with a JSON body."""
    return post_bytes(path, json.dumps(body, separators=(",", ":")).encode(), token)


def post_bytes(path: str, body: bytes, token: str = "") -> bytes:
    """The bytes of a POST, which shows that token where given."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{_shown(token)}\r\n"
    )
    return head.encode() + body


def get(path: str, token: str = "") -> bytes:
    """The bytes of a GET, which shows that token where given."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{_shown(token)}\r\n".encode()


def _shown(token: str) -> str:
    return f"Authorization: Bearer {token}\r\n" if token else ""
