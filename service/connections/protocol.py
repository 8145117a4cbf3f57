"""uvicorn's HTTP protocol, with bounds on what a peer may send and on how long it may take."""

import asyncio
from typing import Any, NoReturn

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lrtune.service.connections import refusals
from lrtune.service.connections.refusals import Refusal
from lrtune.service.connections.registry import Connections

_LINGER_TICKS = 2
_LEAST_BYTES_PER_SECOND = 100
"""A body that keeps coming at this rate is never too slow."""
_MOST_PIPELINED = 16
_SMALL_BYTES = 65_536
"""A body up to here is taken whatever others send: a heartbeat always gets through."""


class _Refused(Exception):
    """Raised from a callback of the parser, which stops it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.title)
        self.refusal = refusal


class BoundedProtocol(HttpToolsProtocol):
    """One connection of those in `registry`.

    Nothing here costs a request more than a few assignments: sizes are added up only where a request does not come in
    one piece, and times are judged by the registry's look once a second.
    """

    def __init__(self, *args: Any, registry: Connections, **named: Any) -> None:
        super().__init__(*args, **named)
        self._registry = registry
        self._limits = registry.limits
        self._since = registry.tick  # Since when the peer is awaited.
        self._heard = registry.tick
        self._begun = 0  # Requests.
        self._in_head = False
        self._in_body = False
        self._chunk = 0  # Bytes that came last.
        self._part = 0  # Bytes of an unfinished head, or of what stands between two pieces of a body.
        self._received = 0
        self._held = 0  # Bytes of bodies that are not answered yet.
        self._unread = 0
        self._refused = False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio's: connected."""
        super().connection_made(transport)
        self._registry.start(self.loop)
        if not self._registry.admit(self):
            self._turn_away(refusals.too_many(self._limits.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's: closed, by whichever side."""
        self._registry.forget(self)
        self._let_go()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio's: some bytes of a request."""
        if self._refused:
            return
        begun = self._begun + (not self._in_head and not self._in_body)
        received = self._received if self._in_body else -1
        self._chunk = len(data)
        try:
            self.parser.feed_data(data)
            if self._in_head or self._in_body:
                self._add_part(begun, received)
        except httptools.HttpParserUpgrade:
            pass  # Answered as if nothing had been asked for: RFC 9110, section 7.8.
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._turn_away(cause.refusal if isinstance(cause, _Refused) else refusals.NOT_HTTP)
        except _Refused as error:
            self._turn_away(error.refusal)

    def _add_part(self, begun: int, received: int) -> None:
        """Count a chunk that did not end its request: the parser keeps what it has of an unfinished header.

        All of it counts where all of it was of this request, the one that was `begun`, and none of it of the body, of
        which so much had been `received`; else whole headers do.
        """
        if self._begun != begun or (self._in_body and self._received != received):
            self._part = self._size()
        else:
            self._part += self._chunk
        if self._part > self._limits.head_bytes:
            self._refuse_size()

    def _size(self) -> int:
        """Bytes of the head, or of the trailers, as far as they are whole."""
        line = len(self.url) if self._in_head else 0
        return line + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse_size(self) -> NoReturn:
        raise _Refused(refusals.head_too_large(self._limits.head_bytes))

    # The parser's callbacks

    def on_message_begin(self) -> None:
        """The parser's: the first byte of a request."""
        super().on_message_begin()
        self._begun += 1
        self._in_head = True
        self._part = 0
        self._since = self._registry.tick

    def on_headers_complete(self) -> None:
        """The parser's: the head is there."""
        most = self._limits.head_bytes
        if (self._part or self._chunk > most) and self._size() > most:
            self._refuse_size()
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise _Refused(refusals.NOT_HTTP)
        super().on_headers_complete()
        self.headers = []  # For trailers: the request's own headers are not to change any more.
        self._in_head, self._in_body = False, True
        self._part = self._received = 0
        self._since = self._heard = self._registry.tick

    def on_body(self, body: bytes) -> None:
        """The parser's: a piece of the body."""
        if self.cycle.response_complete:  # Thrown away.
            return
        registry, size = self._registry, len(body)
        self._heard = registry.tick
        self._received += size
        self._held += size
        registry.bodies_bytes += size
        if self._received > _SMALL_BYTES and registry.bodies_bytes > self._limits.bodies_bytes:
            raise _Refused(refusals.too_much(self._limits.bodies_bytes))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's: the request is there."""
        if self.headers and self._size() > self._limits.head_bytes:
            self._refuse_size()
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """uvicorn's: the answer is written. As uvicorn's own, without a timer: the registry looks for idle ones."""
        self.server_state.total_requests += 1
        if self._held:
            self._let_go()
        if self.transport.is_closing():
            return
        self._since = self._registry.tick
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    # The registry's look

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def waiting_since(self) -> int | None:
        """See registry.Connection."""
        busy = self._answering or self._in_body or self._refused or self.transport.is_closing()
        return None if busy or self.transport.get_write_buffer_size() else self._since

    def close(self) -> None:
        """See registry.Connection."""
        self._refused, self._since = True, self._registry.tick  # What comes now is not to be begun any more.
        self.transport.close()

    def look_over(self) -> None:
        """See registry.Connection."""
        waited, limits = self._registry.tick - self._since, self._limits
        unread = self.transport.get_write_buffer_size()
        if unread:
            self._check_reader(unread)
        elif self._refused:
            if waited > _LINGER_TICKS:
                self.transport.abort()
        elif self._in_body:
            self._check_body(waited)
        elif self._answering:
            self._heard = self._registry.tick
        elif self._in_head and waited > limits.head_seconds:
            self._registry.note("head")
            self._turn_away(refusals.too_slow("head", limits.head_seconds))
        elif not self._in_head and waited > limits.idle_seconds:
            self._registry.note("idle")
            self.close()
        self._unread = unread

    def _check_body(self, waited: int) -> None:
        tick, allowed = self._registry.tick, self._limits.body_seconds
        if not self._answering:  # It was answered before its end, as one that is too large: the rest is thrown away.
            if waited > self._limits.head_seconds:
                self.close()
        elif self.flow.read_paused:  # It is we who do not read.
            self._heard = tick
        elif tick - self._heard > allowed or waited > allowed + self._received / _LEAST_BYTES_PER_SECOND:
            self._registry.note("body")
            self._turn_away(refusals.too_slow("body", allowed))

    def _check_reader(self, unread: int) -> None:
        """Give up who does not read its answer; nobody else is awaited before that is read."""
        tick, allowed = self._registry.tick, 1 if self._registry.ending else self._limits.body_seconds
        if unread != self._unread:
            self._heard = self._since = tick
        elif tick - self._heard > allowed:
            self._registry.note("answer")
            self.transport.abort()

    def _let_go(self) -> None:
        self._registry.bodies_bytes -= self._held
        self._held = 0

    # Turning away

    def _turn_away(self, refusal: Refusal) -> None:
        """Answer and close; where the answer would be taken for that to an earlier request, close only."""
        self._refused, self._since = True, self._registry.tick
        self._let_go()
        awaited = self._answering
        answered = self._in_body if not awaited else not self._in_body or self.cycle.response_started
        if answered or self.pipeline:
            self.transport.close()
            return
        if awaited:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(refusal.as_bytes())
        if self._registry.leave(self):
            # Closed now, with bytes unread, the system would throw away what was just written.
            self.flow.resume_reading()
            if self.transport.can_write_eof():  # Not over TLS: there the peer closes, or the registry does.
                self.transport.write_eof()
        else:
            self.transport.close()

    def shutdown(self) -> None:
        """uvicorn's: finish. Requests that are there are answered; what is still coming is not waited for."""
        if self._refused:
            self.transport.abort()
        elif self._answering and self._in_body:
            self._turn_away(refusals.SHUTTING_DOWN)
            self.transport.close()
        else:
            super().shutdown()
