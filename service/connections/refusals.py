"""Answers that are given before there is a request: problem documents, as bytes of HTTP/1.1."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Send

from lrtune.service.wire import protocol

ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (protocol.HEADER.encode(), b"%d" % protocol.VERSION),
]
"""Headers of every answer: for browsers, and what the service speaks. Not `no-referrer`: with it a form's `Origin` is
null, and refused."""

UNREAD = b"lrtune-unread"
"""A header of answers to requests that nobody has read: another process may be asked the same."""


@dataclass(frozen=True)
class Refusal:
    """Why a connection is given up, as its peer is told. The connection is closed after it."""

    status: int
    kind: str
    title: str
    detail: str
    retry_after_seconds: int | None = None

    @property
    def body(self) -> bytes:
        """RFC 9457 `application/problem+json`."""
        members = {"type": self.kind, "title": self.title, "status": self.status, "detail": self.detail}
        return json.dumps(members).encode()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response's headers."""
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(self.body)),
            (b"connection", b"close"),
            *ALWAYS,
        ]
        if self.retry_after_seconds is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after_seconds))
        return headers

    def as_bytes(self) -> bytes:
        """The whole response, before there is a request. One of 503 says so: whatever it was, it was not done."""
        unread = [(UNREAD, b"1")] if self.status == HTTPStatus.SERVICE_UNAVAILABLE else []
        line = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode()
        return line + b"".join(b"%b: %b\r\n" % header for header in [*self.headers, *unread]) + b"\r\n" + self.body

    async def send(self, send: Send) -> None:
        """Answer an ASGI request with it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


NOT_HTTP = Refusal(
    400, "bad-request", "Not HTTP", "what was sent is not an HTTP/1.1 request; check the client or proxy"
)


def head_too_large(max_bytes: int) -> Refusal:
    """431: request line and headers, or trailers, beyond the limit."""
    detail = f"the request's head or trailers are larger than {max_bytes} bytes; send shorter headers"
    return Refusal(431, "head-too-large", "The request's head is too large", detail)


def too_slow(what: str, seconds: float) -> Refusal:
    """408: a head or a body that did not come in time."""
    detail = f"the request's {what} did not come within {seconds:g} s; send the request again, in one go"
    return Refusal(408, "request-timeout", "The request did not come in time", detail)


def too_many(limit: int) -> Refusal:
    """503: no more connections are taken now."""
    detail = f"{limit} connections are open, and no more are taken now; try again, and close connections not in use"
    return Refusal(503, "too-many-connections", "Too many connections", detail, retry_after_seconds=5)


def too_much(max_bytes: int) -> Refusal:
    """503: the bodies of all requests under way are as much as is kept at a time."""
    detail = f"the bodies of all requests under way are more than {max_bytes} bytes; try again, or send less at once"
    return Refusal(503, "too-many-bodies", "Too much is sent at once", detail, retry_after_seconds=5)


SHUTTING_DOWN = Refusal(
    503, "shutting-down", "The service is shutting down", "the service is shutting down; try again", 1
)
