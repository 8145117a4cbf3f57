"""Long answers, made a slice at a time between other requests.

What a reader asks for may be as long as a study's history, and to make it in one go would keep the event loop and the
engine's lock from everybody else for as long. So it is made by a generator, each step of which takes some milliseconds;
and however many readers there are, they make one slice a turn of the loop together.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

Slice = TypeVar("Slice")
Made = TypeVar("Made")


class Slices:
    """The turns that long answers take. All methods are for one event loop."""

    def __init__(self, lock: AbstractContextManager[object]) -> None:
        self._lock = lock
        self._turn = asyncio.Lock()
        self._thread = asyncio.Lock()

    async def each(self, slices: Iterator[Slice]) -> AsyncIterator[Slice]:
        """What the generator makes, each step of it in a turn of the loop of its own, under the engine's lock.

        Raises what the generator raises.
        """
        while True:
            async with self._turn:
                with self._lock:
                    made = next(slices, None)
                await asyncio.sleep(0)
            if made is None:
                return
            yield made

    async def all(self, slices: Iterator[Slice]) -> list[Slice]:
        """The same, all at once."""
        return [made async for made in self.each(slices)]

    async def in_thread(self, make: Callable[[], Made]) -> Made:
        """What `make` returns, called in a thread, without the lock; for all readers one at a time, since threads that
        compute keep the loop waiting for the interpreter."""
        async with self._thread:
            return await asyncio.to_thread(make)
