"""Heads and trailers end somewhere: 431, and nothing of them is kept."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2
import pytest

from tests.benchmarks.processes import resident_bytes
from tests.connections.conftest import HEAD, Serve, Served, one_answer, post
from tests.support.processes import Programs

KIB = 1024
CHUNKED = post("/v1/studies", "Transfer-Encoding: chunked")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("size")
    with Programs(folder / "programs") as programs:
        yield Served(programs, folder)


def headers(size: int) -> list[bytes]:
    return [b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(size // 1000)]


def is_431(answer: bytes) -> bool:
    return (
        answer.startswith(b"HTTP/1.1 431 ")
        and b"content-type: application/problem+json\r\n" in answer
        and answer.endswith(b"}")
        and b'"head-too-large"' in answer
        and b"65536 bytes" in answer
    )


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([HEAD, *headers(66 * KIB)], id="many headers, one by one"),
        pytest.param([HEAD + b"".join(headers(66 * KIB))], id="many headers at once"),
        pytest.param([HEAD + b"".join(headers(70 * KIB)) + b"\r\n"], id="a whole head"),
        pytest.param([HEAD, b"X: ", *[b"a" * KIB] * 400], id="one header without end"),
        pytest.param([HEAD, *[b"a" * KIB] * 400], id="one name without end"),
        pytest.param([b"GET /", *[b"a" * KIB] * 400], id="a path without end"),
        pytest.param([b"GET /" + b"a" * 66 * KIB + b" HTTP/1.1\r\n\r\n"], id="a whole path"),
        pytest.param([CHUNKED, b"2\r\n{}\r\n0\r\n", *headers(66 * KIB)], id="many trailers"),
        pytest.param([CHUNKED, b"2\r\n{}\r\n0\r\n" + b"".join(headers(70 * KIB)) + b"\r\n"], id="whole trailers"),
        pytest.param([CHUNKED, b"2\r\n{}\r\n0\r\nX: ", *[b"a" * KIB] * 400], id="one trailer without end"),
        pytest.param([CHUNKED, b"2;", *[b"a" * KIB] * 400], id="a chunk's extension without end"),
    ],
)
def test_a_head_or_trailers_of_more_than_64_kib_are_a_431(served: Served, pieces: list[bytes]) -> None:
    assert is_431(served.say(*pieces))


@pytest.mark.parametrize("chunk", [1000, 100_000])
def test_a_head_of_60_kib_is_read(served: Served, chunk: int) -> None:
    whole = HEAD + b"".join(headers(60 * KIB)) + b"\r\n"
    pieces = [whole[at : at + chunk] for at in range(0, len(whole), chunk)]
    assert served.say(*pieces).startswith(b"HTTP/1.1 200 ")


def test_many_requests_on_one_connection_are_no_large_head(served: Served) -> None:
    once = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n" % (b"a" * 30 * KIB)
    with served.connect() as opened:
        for _ in range(4):
            opened.sendall(once[:20_000])
            opened.sendall(once[20_000:])
            assert one_answer(opened).startswith(b"HTTP/1.1 200 ")


def test_a_body_in_many_small_chunks_is_no_large_trailer(served: Served) -> None:
    body = b'{"name": "in-small-chunks"' + b" " * 2000 + b"}"
    pieces = [b"1\r\n%c\r\n" % byte for byte in body]
    answer = served.say(
        post("/v1/studies", "Transfer-Encoding: chunked", "Connection: close"), *pieces, b"0\r\nT: x\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_trailers_do_not_become_headers(served: Served) -> None:
    path = served.new_study("with-trailers")
    answer = served.say(
        post(f"{path}/trials", "Transfer-Encoding: chunked", "Connection: close"),
        b"5\r\n     \r\n",
        b"0\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"problem+json" in answer


def test_fifty_megabytes_of_headers_cost_the_service_no_memory(served: Served) -> None:
    before = resident_bytes(served.program.pid)
    with served.connect() as opened:
        sent = 0
        try:
            while sent < 50_000_000:
                sent += opened.send(b"X: %s\r\n" % (b"a" * 100_000) if sent else HEAD)
        except OSError:
            assert sent > 64 * KIB
    assert resident_bytes(served.program.pid) - before < 20_000_000
    assert served.say(HEAD, b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_all_bodies_under_way_together_are_bounded_and_small_ones_get_through(serve: Serve) -> None:
    served = serve(max_bodies_bytes=KIB * KIB)
    half = post("/v1/studies", f"Content-Length: {KIB * KIB}") + b" " * 400 * KIB
    with ExitStack() as stack:
        opened = [stack.enter_context(served.connect()) for _ in range(2)]
        for one in opened:
            one.sendall(half)
        path = served.new_study("in-between")
        refused = served.say(half)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: " in refused
        assert b'"too-many-bodies"' in refused
        assert httpx2.get(served.address + path).status_code == 200
    for _ in range(3):
        whole = served.say(half + b" " * 624 * KIB + HEAD + b"\r\n")
        assert whole.startswith(b"HTTP/1.1 4"), "those that have gone, and those that are answered, count no more"


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_is_a_problem_and_leaves_no_line(served: Served, sent: bytes) -> None:
    answer = served.say(sent + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert "Invalid HTTP" not in served.program.stderr


def test_requests_sent_ahead_without_end_are_not_kept(served: Served) -> None:
    path = served.new_study("sent-ahead")
    with served.connect() as opened:
        waits = f"GET {path}/status?after=9&wait_seconds=20 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        with suppress(ConnectionResetError):  # What was sent and not read any more makes the system say so.
            opened.sendall(waits + 100 * HEAD + b"\r\n")
            opened.sendall(100 * (HEAD + b"\r\n"))
            assert opened.recv(65536) == b""
