"""An answer that is being read, however slowly, keeps its connection; on a transport whose peer reads as it is told."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from lrtune.service.connections.protocol import BoundedProtocol
from lrtune.service.connections.registry import Cause, Connections, HttpLimits

REQUEST = b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMITS = HttpLimits(connections=1, idle_seconds=5, body_seconds=3, head_seconds=2)


class Peer(asyncio.Transport):
    """A connection whose other side has read all but `unread` bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.unread = 0
        self.ended = ""

    def write(self, data: Any) -> None: ...

    def write_eof(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Answered:
    """A connection on which one request was answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.seen: list[Cause] = []
        self.connections = Connections(LIMITS, on_closed=self.seen.append, descriptors_left=lambda: True)
        config = Config(_app, log_config=None, lifespan="off", ws="none")
        config.load()
        self.protocol = BoundedProtocol(config, ServerState(), {}, loop, registry=self.connections)
        self.peer = Peer()
        self.protocol.connection_made(self.peer)
        self.protocol.data_received(REQUEST)
        loop.run_until_complete(asyncio.gather(*self.protocol.tasks))
        assert self.protocol.cycle.response_complete
        self.connections.stop()

    def looks(self, count: int) -> None:
        for _ in range(count):
            self.connections.look()


async def _app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def answered() -> Iterator[Answered]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield Answered(loop)
    asyncio.set_event_loop(None)
    loop.close()


def test_who_reads_a_long_answer_slowly_is_not_idle(answered: Answered) -> None:
    for unread in range(100, 0, -1):
        answered.peer.unread = unread
        answered.looks(1)
    assert answered.peer.ended == ""
    answered.peer.unread = 0
    answered.looks(5)
    assert answered.peer.ended == "", "idle only since all was read"
    answered.looks(2)
    assert answered.peer.ended == "closed"
    assert answered.seen == ["idle"]


def test_who_stops_reading_is_given_up(answered: Answered) -> None:
    answered.peer.unread = 100
    answered.looks(1 + 3)
    assert answered.peer.ended == ""
    answered.looks(1)
    assert answered.peer.ended == "aborted"
    assert answered.seen == ["answer"]


def test_who_has_not_read_its_answer_makes_no_room_for_others(answered: Answered) -> None:
    answered.peer.unread = 100
    answered.looks(2)
    assert answered.protocol.waiting_since() is None
    answered.peer.unread = 0
    answered.looks(3)
    assert answered.protocol.waiting_since() is not None


def test_at_the_end_nobody_is_waited_for_who_does_not_read(answered: Answered) -> None:
    answered.peer.unread = 100
    answered.connections.ending = True
    answered.looks(1 + 2)
    assert answered.peer.ended == "aborted"
