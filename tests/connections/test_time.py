"""Who keeps the service waiting is given up; who is only slow, or waits for an answer, is not."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connections.conftest import HEAD, Serve, Served, everything, long_poll, one_answer, post
from tests.support.processes import Programs

LIMIT = 2


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("time")
    limits = {f"{part}_timeout_seconds": LIMIT for part in ("head", "body", "idle")}
    with Programs(folder / "programs") as programs:
        yield Served(programs, folder, **limits)


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        ("head", b"G"),
        ("head", HEAD),
        ("head", HEAD + b"\r\n"[:1]),
        ("body", post("/v1/studies", "Content-Length: 10") + b"{"),
        ("body", post("/v1/studies/a/trials", "Content-Length: 10") + b"{"),
        ("body", post("/v1/studies/a/trials/1/reports", "Content-Length: 10")),
        ("body", post("/v1/studies", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n"),
        ("body", post("/assets/look/style.css", "Transfer-Encoding: chunked") + b"2;x"),
    ],
)
def test_half_a_request_is_a_408_and_counted(served: Served, part: str, sent: bytes) -> None:
    series = f'lrtune_connections_timed_out_total{{part="{part}"}}'
    before, begun = served.metric(series), time.monotonic()
    answer = served.say(sent)
    assert LIMIT - 1 < time.monotonic() - begun < LIMIT + 8
    if answer:  # Nothing where the request was answered, or its connection closed, before its end.
        assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 405 "))
    if answer.startswith(b"HTTP/1.1 408 "):
        assert b'"request-timeout"' in answer
        assert served.metric(series) == before + 1
    assert "Traceback" not in served.program.stderr


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
def test_a_connection_without_a_request_is_closed(served: Served, sent: bytes) -> None:
    before = served.metric('lrtune_connections_timed_out_total{part="idle"}')
    assert served.say(sent) == b""
    assert served.metric('lrtune_connections_timed_out_total{part="idle"}') > before


def test_a_connection_is_kept_between_requests(served: Served) -> None:
    pause = threading.Event()
    with served.connect() as opened:
        for _ in range(4):
            opened.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
            assert one_answer(opened).startswith(b"HTTP/1.1 200 ")
            pause.wait(LIMIT / 2)


def test_a_long_poll_is_not_idle(served: Served) -> None:
    path = served.new_study("polled")
    with served.connect() as opened:
        begun = time.monotonic()
        opened.sendall(long_poll(path, LIMIT + 3))
        assert one_answer(opened).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - begun > LIMIT + 2.5


def test_a_slow_body_that_keeps_coming_is_read(served: Served) -> None:
    body = b'{"name": "slowly"' + b" " * 1200 + b"}"
    pause = threading.Event()
    with served.connect() as opened:
        opened.sendall(post("/v1/studies", f"Content-Length: {len(body)}", "Connection: close"))
        for at in range(0, len(body), 200):
            pause.wait(LIMIT / 2)
            opened.sendall(body[at : at + 200])
        assert everything(opened).startswith(b"HTTP/1.1 201 ")


def test_a_trickle_is_no_body(served: Served) -> None:
    pause = threading.Event()
    with served.connect() as opened:
        opened.sendall(post("/v1/studies", "Content-Length: 10000") + b"{")
        for _ in range(40):
            pause.wait(0.5)
            opened.sendall(b" ")
            opened.setblocking(False)
            try:
                answer = opened.recv(65536)
                break
            except BlockingIOError:
                opened.settimeout(20)
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_does_not_read_the_answers_is_closed(served: Served) -> None:
    series = 'lrtune_connections_timed_out_total{part="answer"}'
    before = served.metric(series)
    pause = threading.Event()
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect(("127.0.0.1", served.port))
        opened.setblocking(False)
        for _ in range(400):
            try:
                opened.send(b"GET /openapi.json HTTP/1.1\r\n\r\n")
            except OSError:
                break
            if served.metric(series) > before:
                break
            pause.wait(0.05)
    assert served.metric(series) == before + 1


def test_the_log_tells_once_a_minute_at_most(serve: Serve) -> None:
    served = serve(head_timeout_seconds=1)
    for _ in range(3):
        assert served.say(b"GET /").startswith(b"HTTP/1.1 408 ")
    assert served.program.stderr.count("kept the service waiting") == 1
