"""A request and its answer, between an application on an event loop and another thread."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.embedded.exchange import MOST_WAITING, BrokenOff, Exchange

SCOPE = {"type": "http", "method": "GET", "path": "/"}

Ask = Callable[[ASGIApp], Exchange]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Has an application answer one request, on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def asked(app: ASGIApp) -> Exchange:
        exchange = Exchange(loop, SCOPE, b"sent")

        async def serve() -> None:
            await exchange.serve(app)
            exchange.end()

        asyncio.run_coroutine_threadsafe(serve(), loop)
        return exchange

    yield asked
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await begin(send)
    await send({"type": "http.response.body", "body": (await receive())["body"]})


def test_the_application_hears_the_body_and_its_answer_arrives(ask: Ask) -> None:
    exchange = ask(echo)
    assert exchange.head(5) == (200, [(b"a", b"b")])
    assert list(exchange.body(5)) == [b"sent"]


def test_a_long_answer_is_made_no_faster_than_it_is_read(ask: Ask) -> None:
    made = 0

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal made
        await begin(send)
        for number in range(1000):
            await send({"type": "http.response.body", "body": b"%d " % number, "more_body": True})
            made = number
        await send({"type": "http.response.body", "body": b"end"})

    exchange = ask(long)
    exchange.head(5)
    time.sleep(0.1)
    assert made <= MOST_WAITING
    assert b"".join(exchange.body(5)) == b"".join(b"%d " % number for number in range(1000)) + b"end"


def test_an_application_that_fails_within_its_answer_breaks_it_off(ask: Ask) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await begin(send)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ZeroDivisionError

    exchange = ask(failing)
    exchange.head(5)
    pieces = exchange.body(5)
    assert next(pieces) == b"half"
    with pytest.raises(BrokenOff):
        next(pieces)


def test_an_application_that_answers_nothing_is_waited_for_no_longer_than_asked(ask: Ask) -> None:
    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    exchange = ask(silent)
    with pytest.raises(TimeoutError):
        exchange.head(0.05)
    exchange.leave()
    with pytest.raises(BrokenOff):
        exchange.head(5)


def test_who_leaves_a_long_answer_ends_it(ask: Ask) -> None:
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await begin(send)
        gone = asyncio.create_task(receive())  # type: ignore[arg-type]
        while not gone.done():
            await send({"type": "http.response.body", "body": b".", "more_body": True})
            await asyncio.sleep(0)
        ended.set()

    exchange = ask(endless)
    exchange.head(5)
    assert next(exchange.body(5)) == b"."
    exchange.leave()
    assert ended.wait(5)
