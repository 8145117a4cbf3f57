"""What becomes of the requests that are being answered when an embedded service ends."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from lrtune.service.embedded import service as embedded
from lrtune.service.embedded.exchange import BrokenOff, Exchange
from lrtune.service.embedded.service import EmbeddedService

SCOPE = {"type": "http", "method": "GET", "path": "/"}


def asked(service: EmbeddedService, app: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> Exchange:
    """A request to an application in place of the service's own."""
    monkeypatch.setattr(service, "_app", app)
    return service.ask(SCOPE, b"")


def test_what_is_being_answered_is_answered_whole(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    service = EmbeddedService(file)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})

    exchange = asked(service, slow, monkeypatch)
    assert begun.wait(10)
    service.close()
    assert exchange.head(0.1)[0] == 200
    assert list(exchange.body(0.1)) == [b"whole"]


def test_what_takes_too_long_to_answer_is_broken_off(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.DRAIN_SECONDS == 5.0
    monkeypatch.setattr(embedded, "DRAIN_SECONDS", 0.1)
    began, told = threading.Event(), threading.Event()
    service = EmbeddedService(file)

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        began.set()
        try:
            await asyncio.sleep(40)
        except asyncio.CancelledError:
            told.set()
            raise

    exchange = asked(service, endless, monkeypatch)
    assert began.wait(10)
    start = time.monotonic()
    service.close()
    assert time.monotonic() - start < 20
    assert told.is_set()
    with pytest.raises(BrokenOff):
        exchange.head(1)
