"""How long the event loop and the engine's lock are held, and how long a worker's heartbeat takes, while something
runs."""

import asyncio
import contextlib
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO

from starlette.types import ASGIApp, Message, Scope

_EVERY_SECONDS = 0.001
_BEAT_SECONDS = 0.01


@dataclass
class Holds:
    """The longest waits, in seconds."""

    loop: float = 0.0
    """For a turn of the event loop."""
    lock: float = 0.0
    """For the engine's lock, in another thread."""
    heartbeat: float = 0.0
    """For the answer to a heartbeat, from when its worker sent it."""
    collecting: float = 0.0
    """For the collection of cyclic garbage, which holds everything."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered with; of a body only the first megabyte is kept."""

    status: int
    size: int
    begin: bytes


async def call(
    app: ASGIApp, method: str, path: str, query: str = "", body: bytes = b"", keep: IO[bytes] | None = None
) -> Answer:
    """Call an ASGI application in this loop, as a server would; the client takes what it is given, and writes the body
    to `keep`, where that is given."""
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
        "state": {},
    }
    sent, status, size, begin = False, 500, 0, b""

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, size, begin
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            part = message.get("body", b"")
            size += len(part)
            if keep is not None:
                keep.write(part)
            begin += part[: max(0, 1_000_000 - len(begin))]

    await app(scope, receive, send)
    return Answer(status, size, begin)


@contextlib.asynccontextmanager
async def watching(
    lock: AbstractContextManager[object], heartbeat: Callable[[], Awaitable[object]]
) -> AsyncIterator[Holds]:
    """Watch for the length of the block."""
    holds = Holds()
    over = threading.Event()

    def watch_lock() -> None:
        while not over.wait(_EVERY_SECONDS):
            begun = time.perf_counter()
            with lock:
                holds.lock = max(holds.lock, time.perf_counter() - begun)

    async def watch_loop() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_EVERY_SECONDS)
            holds.loop = max(holds.loop, time.perf_counter() - begun - _EVERY_SECONDS)

    async def beat() -> None:
        due = time.perf_counter()
        while True:
            await heartbeat()
            holds.heartbeat = max(holds.heartbeat, time.perf_counter() - due)
            due = time.perf_counter() + _BEAT_SECONDS
            await asyncio.sleep(_BEAT_SECONDS)

    collecting_since = 0.0

    def watch_collector(phase: str, _: object) -> None:
        nonlocal collecting_since
        if phase == "start":
            collecting_since = time.perf_counter()
        else:
            holds.collecting = max(holds.collecting, time.perf_counter() - collecting_since)

    thread = threading.Thread(target=watch_lock, daemon=True)
    thread.start()
    gc.callbacks.append(watch_collector)
    tasks = [asyncio.create_task(watch_loop()), asyncio.create_task(beat())]
    try:
        yield holds
        await asyncio.sleep(2 * _EVERY_SECONDS)
    finally:
        gc.callbacks.remove(watch_collector)
        over.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        thread.join()


async def leased_heartbeat(app: ASGIApp, study: str) -> Callable[[], Awaitable[object]]:
    """A heartbeat of a trial of that study, which is leased for it."""
    ask = json.dumps({"worker": "bench", "request_id": "heartbeat"}).encode()
    leased = json.loads((await call(app, "POST", f"/v1/studies/{study}/trials", body=ask)).begin)
    path = f"/v1/studies/{study}/trials/{leased['number']}/heartbeat"
    body = json.dumps({"lease": leased["lease"]}).encode()
    return lambda: call(app, "POST", path, body=body)
