"""Those who watch, a process of their own: streams of a study's events, read and counted as cheaply as can be."""

import asyncio
import threading
from urllib.parse import urlsplit

from tests.benchmarks.storage.http_client import get
from tests.benchmarks.storage.json_lines import answer_lines


class Watchers:
    """`begin` opens streams, `end` closes them and tells what came."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._tasks: list[asyncio.Task[None]] = []
        self._bytes = self._events = self._largest = self._opened = 0

    def begin(self, address: str, study: str, viewers: int) -> int:
        """Open so many streams; returns when each has had its first event."""
        self._bytes = self._events = self._largest = self._opened = 0
        return asyncio.run_coroutine_threadsafe(self._begin(address, study, viewers), self._loop).result(60)

    def end(self) -> dict[str, int]:
        """Close them: bytes and events that came to all of them, and the bytes of the largest change."""
        return asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(60)

    async def _begin(self, address: str, study: str, viewers: int) -> int:
        ready = [asyncio.Event() for _ in range(viewers)]
        self._tasks = [asyncio.ensure_future(self._watch(address, study, one)) for one in ready]
        await asyncio.gather(*(one.wait() for one in ready))
        return viewers

    async def _end(self) -> dict[str, int]:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return {"bytes": self._bytes, "events": self._events, "largest": self._largest}

    async def _watch(self, address: str, study: str, ready: asyncio.Event) -> None:
        parts = urlsplit(address)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=2**22)
        try:
            writer.write(get(f"/v1/studies/{study}/events"))
            while True:
                block = await reader.readuntil(b"\n\n")
                self._bytes += len(block)
                if b"event: change" in block:
                    self._events += 1
                    self._largest = max(self._largest, len(block))
                elif b"event: status" in block:
                    ready.set()
        finally:
            writer.close()


if __name__ == "__main__":
    watchers = Watchers()
    answer_lines({"begin": watchers.begin, "end": watchers.end})
