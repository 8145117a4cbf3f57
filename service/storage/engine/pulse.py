"""The pulse of the event loop that serves: whether it turns, and for how long it did not.

While the loop hangs nobody is served and no heartbeat is read, whatever other threads may do. So no lease may run out
in that time, and nobody may be told that this process lives.
"""

from collections.abc import Callable

from lrtune.service.storage.memory.clocks import elapsed_seconds


class Pulse:
    """Beaten by the loop, several times a second; any thread may look. Without a loop, there is nothing to hang."""

    def __init__(self, clock: Callable[[], float] = elapsed_seconds) -> None:
        self._clock = clock
        self._last: float | None = None

    def beat(self) -> float:
        """The loop turns; the seconds since it was last known to, 0 for the first time."""
        now = self._clock()
        last, self._last = self._last, now
        return 0.0 if last is None else max(0.0, now - last)

    def end(self) -> None:
        """The loop is about to end, in good order."""
        self._last = None

    @property
    def silent_seconds(self) -> float:
        """For how long the loop has not been heard of; 0 where there is none."""
        last = self._last
        return 0.0 if last is None else max(0.0, self._clock() - last)
