"""The load generator's HTTP: replies in pieces, and replies that a correct run does not get."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from tests.benchmarks.storage import load
from tests.benchmarks.storage.http_client import UnexpectedReply, connect, get

OK = b'HTTP/1.1 200 OK\r\ncontent-length: 22\r\nserver: x\r\n\r\n{"verdict":"continue"}'


def _against(replies: list[list[bytes]], use: Callable[[str], Coroutine[Any, Any, Any]]) -> Any:
    """What `use` makes of a server that answers each request with the next of `replies`, piece by piece; then it
    hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for pieces in replies:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.002)
        writer.close()

    async def run() -> Any:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            return await use(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    return asyncio.run(run())


@pytest.mark.parametrize("cuts", [(), (5,), (20,), (len(OK) - 30,), (40, 70)])
def test_a_reply_may_come_in_pieces(cuts: tuple[int, ...]) -> None:
    edges = [0, *cuts, len(OK)]
    pieces = [OK[start:end] for start, end in pairwise(edges)]

    async def use(address: str) -> list[Any]:
        (one,) = await connect(address, 1)
        return [await one.call(get("/"), 200) for _ in range(2)]

    assert _against([pieces, pieces], use) == [{"verdict": "continue"}] * 2


@pytest.mark.parametrize("reply", [b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}", b""])
def test_a_reply_of_another_status_ends_the_measurement(reply: bytes) -> None:
    async def use(address: str) -> None:
        (one,) = await connect(address, 1)
        await one.call(get("/"), 200)

    with pytest.raises(UnexpectedReply, match="GET / got"):
        _against([[reply]], use)


def test_a_verdict_that_says_stop_ends_the_measurement() -> None:
    stop = OK.replace(b"continue", b"stopstop")

    async def use(address: str) -> None:
        (one,) = await connect(address, 1)
        await load.stream(one, [get("/")])

    with pytest.raises(UnexpectedReply, match="stopstop"):
        _against([[stop]], use)


def test_a_quantile_is_one_of_the_values() -> None:
    assert load.quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert load.quantile([float(value) for value in range(100)], 0.99) == 99.0
