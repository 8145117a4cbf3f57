"""What takes long ends as soon as whoever it is for would not be let in any more."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from lrtune.service.access.errors import Unauthorized

LOOK_SECONDS = 0.3
"""How often is looked. With the time in which other processes see a revocation, that is less than a second."""


class Holding:
    """Ends the block it is used for where `check` raises Unauthorized; `refused` is that error then.

    A timer of the event loop looks. What is over before its time costs the setting of the timer alone.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self.refused: Unauthorized | None = None
        self._check = check
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._timer.cancel()
        if self.refused is None:
            return False
        by_others = self._task.uncancel() > self._cancelled_before
        return isinstance(error, asyncio.CancelledError) and not by_others

    def _look(self) -> None:
        try:
            self._check()
        except Unauthorized as refused:
            self.refused = refused
            self._task.cancel()
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
