"""All HTTP connections of a process, and the look at them once a second."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from lrtune.service.connections import descriptors

_log = logging.getLogger(__name__)

TimedOut = Literal["head", "body", "answer", "idle"]
Cause = Literal["limit", "descriptors"] | TimedOut
"""Why a connection was refused (`limit`), or given up: it kept the service waiting for the named part. `descriptors`
counts the seconds in which the process could open no more."""

_LINE_EVERY_SECONDS = 60
_MOST_LEAVING = 256
_SPARED_SECONDS = 1
"""An idle connection younger than this is not closed for the sake of a new one."""


@dataclass(frozen=True)
class HttpLimits:
    """What one process grants its HTTP clients."""

    connections: int = 4096
    head_bytes: int = 65_536
    """Of request line and headers; of trailers as well."""
    bodies_bytes: int = 268_435_456
    """Of all bodies under way together; beyond it small ones are still taken."""
    head_seconds: float = 15.0
    """From the first byte of a request to the end of its head."""
    body_seconds: float = 30.0
    """How long a body that is sent, or an answer that is read, may stand still."""
    idle_seconds: float = 75.0
    """How long a connection may wait for a request."""


class Connection(Protocol):
    """What the registry sees of a connection."""

    def look_over(self) -> None:
        """Close it where it has kept the service waiting for too long."""

    def waiting_since(self) -> int | None:
        """The tick since which it has waited for a whole head; None where a request is under way."""

    def close(self) -> None:
        """Close it; no request of its is under way."""


class Connections:
    """The connections of one process. Everything is to be called in the event loop.

    Time is counted in `tick`, looks that were made: a second each, and none while the process stands still. So nobody
    pays for a service that was stopped or busy, and a request costs no timer.
    """

    def __init__(
        self,
        limits: HttpLimits | None = None,
        *,
        on_closed: Callable[[Cause], None] = lambda _cause: None,
        descriptors_left: Callable[[], bool] = descriptors.are_left,
    ) -> None:
        self.limits = limits or HttpLimits()
        self.tick = 0
        self.bodies_bytes = 0
        """Of the bodies under way: sent, and not answered yet."""
        self.ending = False
        """Whether the process is about to end, and waits for nobody who does not read."""
        self._open: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._spare: list[Connection] = []
        self._on_closed = on_closed
        self._descriptors_left = descriptors_left
        self._unsaid: Counter[Cause] = Counter()
        self._said_at = -_LINE_EVERY_SECONDS
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many are open, those that are turned away aside."""
        return len(self._open)

    # Coming and going

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in; False where there are too many. One that idles makes room for it."""
        if len(self._open) >= self.limits.connections and not self._make_room():
            self.note("limit")
            return False
        self._open.add(connection)
        return True

    def leave(self, connection: Connection) -> bool:
        """It is refused, and has a moment to read why; False where too many have, and it is to go at once."""
        self._open.discard(connection)
        if len(self._leaving) >= _MOST_LEAVING:
            return False
        self._leaving.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._open.discard(connection)
        self._leaving.discard(connection)

    def _make_room(self) -> bool:
        while self._spare:
            idle = self._spare.pop()
            since = idle.waiting_since() if idle in self._open else None
            if since is not None and self.tick - since > _SPARED_SECONDS:
                self.forget(idle)
                idle.close()
                return True
        return False

    # Looking

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at all connections once a second from now on."""
        if self._timer is None:
            self._timer = loop.call_later(1.0, self._go_on, loop)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(1.0, self._go_on, loop)
        self.look()

    def look(self) -> None:
        """Look at all connections: a second has gone by."""
        self.tick += 1
        for connection in [*self._open, *self._leaving]:
            connection.look_over()
        self._find_spare()
        if not self._descriptors_left():
            self.note("descriptors")
        self._say()

    def _find_spare(self) -> None:
        """The connections that could go, the longest idle last; looked for only where room is getting short."""
        self._spare.clear()
        if len(self._open) < 0.9 * self.limits.connections:
            return
        idle = [(since, one) for one in self._open if (since := one.waiting_since()) is not None]
        idle.sort(key=lambda pair: pair[0], reverse=True)
        self._spare = [one for _, one in idle]

    # Telling

    def note(self, cause: Cause) -> None:
        """Count one that was refused or given up."""
        self._on_closed(cause)
        if cause != "idle":
            self._unsaid[cause] += 1
            self._say()

    def _say(self) -> None:
        """One line a minute at most, whatever strangers do."""
        if not self._unsaid or self.tick - self._said_at < _LINE_EVERY_SECONDS:
            return
        counts, self._unsaid = self._unsaid, Counter()
        self._said_at = self.tick
        if counts["descriptors"]:
            _log.warning(
                "the process has no file descriptor left, and takes no more connections: raise its limit (ulimit -n)",
                extra={"seconds": counts["descriptors"], "open": len(self)},
            )
        if counts["limit"]:
            _log.warning(
                "connections were refused, all that are allowed are open: see LRTUNE_MAX_CONNECTIONS",
                extra={"refused": counts["limit"], "open": len(self)},
            )
        late = {what: counts[what] for what in ("head", "body", "answer") if counts[what]}
        if late:
            _log.warning(
                "connections were closed that kept the service waiting for a request's head or body, or for its "
                "answer to be read",
                extra=late | {"open": len(self)},
            )
