"""There is an end to how many connections are open, and it is told."""

import json
import logging
import resource
import socket
from contextlib import ExitStack

import pytest

from lrtune.service.connections.registry import Cause, Connections, HttpLimits
from tests.connections.conftest import HEAD, Serve, Served, everything, long_poll
from tests.faults.conftest import until

MOST = 16


def _polls(served: Served, stack: ExitStack, count: int) -> list[socket.socket]:
    path = served.new_study("polled")
    opened = [stack.enter_context(served.connect()) for _ in range(count)]
    for one in opened:
        one.sendall(long_poll(path, 60))
    return opened


def test_one_connection_too_many_is_a_503_with_retry_after_a_line_and_a_count(serve: Serve) -> None:
    served = serve(max_connections=MOST)
    with ExitStack() as stack:
        polls = _polls(served, stack, MOST)
        for _ in range(4):
            head, _, body = served.say(HEAD, b"\r\n").partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: " in head
            assert json.loads(body)["type"] == "too-many-connections"
        polls.pop().close()
        until(lambda: served.say(HEAD, b"\r\n").startswith(b"HTTP/1.1 200 "))
        assert served.metric("lrtune_connections_refused_total") >= 4
        assert served.metric("lrtune_connections") == MOST
    assert served.program.stderr.count("connections were refused") == 1


def test_a_new_connection_takes_the_place_of_the_one_that_idles_longest(serve: Serve) -> None:
    served = serve(max_connections=MOST)
    with ExitStack() as stack:
        idle = [stack.enter_context(served.connect()) for _ in range(MOST)]
        until(lambda: served.say(HEAD, b"\r\n").startswith(b"HTTP/1.1 200 "))
        assert sum(_is_closed(one) for one in idle) >= 1


def _is_closed(opened: socket.socket) -> bool:
    opened.settimeout(0.2)
    try:
        return opened.recv(1) == b""
    except TimeoutError:
        return False


def test_the_soft_limit_of_descriptors_is_raised_to_the_hard_one(serve: Serve) -> None:
    served = serve(limit="ulimit -S -n 64;")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, _ = resource.prlimit(served.program.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 1 << 20)


def test_no_more_connections_are_taken_than_there_are_descriptors_for(serve: Serve) -> None:
    served = serve(limit="ulimit -n 192;")
    assert "fewer connections are taken" in served.program.stderr
    with ExitStack() as stack:
        opened = _polls(served, stack, 100)
        answers = [everything(one) for one in opened[70:]]
        assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
        assert b"too-many-connections" in answers[-1]


class _Waiting:
    """A connection that waits, and is never given up."""

    def look_over(self) -> None: ...

    def close(self) -> None: ...

    def waiting_since(self) -> int | None:
        return None


def test_missing_descriptors_are_counted_and_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Cause] = []
    connections = Connections(HttpLimits(connections=1), on_closed=seen.append, descriptors_left=lambda: False)
    with caplog.at_level(logging.WARNING):
        for _ in range(130):
            connections.look()
    assert seen == ["descriptors"] * 130
    told = [record for record in caplog.records if "no file descriptor left" in record.message]
    assert len(told) == 3
    assert told[1].seconds == 60  # type: ignore[attr-defined]


def test_those_that_are_turned_away_do_not_pile_up() -> None:
    connections = Connections(HttpLimits(connections=1))
    kept = _Waiting()
    assert connections.admit(kept)
    turned_away = [_Waiting() for _ in range(1000)]
    assert not any(connections.admit(one) for one in turned_away)
    assert sum(connections.leave(one) for one in turned_away) == 256
    assert len(connections) == 1
