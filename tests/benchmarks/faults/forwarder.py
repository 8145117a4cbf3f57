"""A loopback address that leads to whichever of several services is ready, as a load balancer's does."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Self

from tests.benchmarks.faults.services import Service

_LOOK_EVERY_SECONDS = 0.1
_CHUNK = 65_536


class Forwarder:
    """Passes bytes on to the service whose `/readyz` answers 200. When that changes, open connections are cut.

    Runs in threads of its own until its block ends.
    """

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services
        self._target: Service | None = None
        self._ended = threading.Event()
        self._listening = threading.Event()
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = [
            threading.Thread(target=self._serve, name="forwarder", daemon=True),
            threading.Thread(target=self._watch, name="forwarder-watch", daemon=True),
        ]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._loop.call_soon_threadsafe(self._cut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join(10)
        self._loop.close()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_EVERY_SECONDS):
            target = self._target
            if target is not None and target.readiness() == "ready":
                continue
            found = next((service for service in self._services if service.readiness() == "ready"), None)
            if found is not target:
                self._target = found
                with contextlib.suppress(RuntimeError):  # The block has just ended.
                    self._loop.call_soon_threadsafe(self._cut)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0.05))

    def _cut(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._target
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if target is None:
                return
            port = int(target.address.rpartition(":")[2])
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                ways = [_copy(reader, there_writer), _copy(there_reader, writer)]
                _, pending = await asyncio.wait(
                    [asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED
                )
                for way in pending:
                    way.cancel()
            finally:
                there_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
