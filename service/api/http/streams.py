"""Answers that stay open: server-sent events, as the HTML standard has them."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from lrtune.service.tuning.state.watchers import Watchers

_ALIVE_SECONDS = 15.0
"""The longest that nothing is sent: proxies close what is silent."""
ALIVE = b": alive\n\n"
BEGIN = format_sse_event(retry=2000)
"""Who loses the connection comes again after two seconds."""
_AT_ONCE = 8
"""Streams that send in one turn of the event loop."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep events back.


def encoded(event: str, identity: str, data: str) -> bytes:
    """An event of that name, with that id and that JSON."""
    return format_sse_event(event=event, id=identity, data_str=data)


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """The answer that sends these. It ends with them, or when the client has gone."""
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)


class Waits:
    """How one stream waits: until something changes, but not past its end, nor for so long that it seems dead."""

    def __init__(self, watchers: Watchers, for_seconds: float | None) -> None:
        self._watchers = watchers
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._until = None if for_seconds is None else loop.time() + for_seconds

    @property
    def over(self) -> bool:
        """Whether the stream has to end: its time is over, or the service shuts down."""
        return self._watchers.closed or (self._until is not None and self._clock() >= self._until)

    async def change(self, study_id: int, most_seconds: float = _ALIVE_SECONDS) -> bool:
        """Wait for a change of the study; whether there was one."""
        left = most_seconds if self._until is None else min(most_seconds, self._until - self._clock())
        return await self._watchers.wait(study_id, max(0.0, left))


class Turns:
    """Lets a few of many streams send at a time, so that all others are served in between."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def mine(self) -> None:
        """Return when it is one's turn."""
        async with self._turns:
            await asyncio.sleep(0)
