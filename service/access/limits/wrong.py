"""Wrong tokens: who sends them waits for his answer, and nobody else does.

The first few of a sender are answered at once; then each waits longer, up to a second and for those before it, so that
answers go out one by one. Who waits holds nothing but his connection. A refusal at once would cost more: whoever floods
a service comes back as soon as he is answered.
"""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable

from lrtune.service.access.limits.bucket import Bucket
from lrtune.service.access.limits.by_address import MOST_ADDRESSES
from lrtune.service.access.limits.refusals import TooManyRequests

_log = logging.getLogger(__name__)

FEW = 10
"""So many of a sender are answered at once, and one more each second."""
_FORGIVEN_PER_SECOND = 1.0
_FIRST_SECONDS = 0.05
LONGEST_SECONDS = 1.0
APART_SECONDS = 0.005
"""Answers that were waited for go out so far apart, of all senders: each holds everybody else up for a moment."""
_LINE_EVERY_SECONDS = 60.0

Gone = Callable[[], Awaitable[object]]
"""Returns when the client has gone away."""


class _Sender:
    __slots__ = ("bucket", "late", "waiting")

    def __init__(self) -> None:
        self.bucket = Bucket(_FORGIVEN_PER_SECOND, FEW)
        self.late = 0
        self.waiting = 0

    def delay_seconds(self, now: float) -> float:
        """How long the next answer waits: 0, … 0, 0.05, 0.1, 0.2 … 1 s."""
        if not self.bucket.take(now):
            self.late = 0
            return 0.0
        self.late += 1
        return min(LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(self.late - 1, 30))


class WrongTokens:
    """The senders of wrong tokens to one process. For the event loop. At most `most_waiting` requests wait at a time,
    and half as many of one sender."""

    def __init__(
        self,
        most_waiting: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_senders: int = MOST_ADDRESSES,
    ) -> None:
        self._most_waiting = most_waiting
        self._clock = clock
        self._most_senders = most_senders
        self._senders: OrderedDict[str, _Sender] = OrderedDict()
        self._waiting: set[asyncio.Future[None]] = set()
        self._next_at = float("-inf")
        self._closed = False
        self._unsaid: Counter[str] = Counter()
        self._said_at = float("-inf")
        self._line: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """How many senders are remembered."""
        return len(self._senders)

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    async def wait(self, sender: str, reason: str, gone: Gone | None = None) -> None:
        """Return when a wrong token may be answered: at once, later, or when the client has `gone`; at a shutdown all
        return. Raises TooManyRequests where too many wait."""
        self._note(reason)
        found = self._sender(sender)
        now = self._clock()
        delay = 0.0 if self._closed else found.delay_seconds(now)
        if not delay:
            return
        if len(self._waiting) >= self._most_waiting or found.waiting >= max(1, self._most_waiting // 2):
            told = "too many wrong tokens come from your address; check the token"
            raise TooManyRequests("wrong_tokens", told, wait=LONGEST_SECONDS, close=True)
        found.waiting += 1
        try:
            await self._until(self._slot(now + delay) - now, gone)
        finally:
            found.waiting -= 1

    def _slot(self, earliest: float) -> float:
        """When the next answer may go out."""
        if self._next_at > earliest + self._most_waiting * APART_SECONDS:
            self._next_at = earliest  # The clock has jumped back.
        at = max(earliest, self._next_at)
        self._next_at = at + APART_SECONDS
        return at

    def close(self) -> None:
        """Let all go, and nobody wait any more: the service is shutting down."""
        self._closed = True
        for over in self._waiting:
            _end(over)
        if self._line is not None:
            self._line.cancel()
            self._say()

    def _sender(self, sender: str) -> _Sender:
        found = self._senders.get(sender)
        if found is None:
            if len(self._senders) >= self._most_senders:
                self._senders.popitem(last=False)
            found = self._senders[sender] = _Sender()
        else:
            self._senders.move_to_end(sender)
        return found

    async def _until(self, delay: float, gone: Gone | None) -> None:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(delay, _end, over)
        watch = None if gone is None else loop.create_task(_ending(gone, over))
        self._waiting.add(over)
        try:
            await over
        finally:
            self._waiting.discard(over)
            timer.cancel()
            if watch is not None:
                watch.cancel()

    # One line a minute, whatever strangers do

    def _note(self, reason: str) -> None:
        self._unsaid[reason] += 1
        if self._line is None:
            left = max(0.0, self._said_at + _LINE_EVERY_SECONDS - self._clock())
            self._line = asyncio.get_running_loop().call_later(left, self._say)

    def _say(self) -> None:
        self._line = None
        self._said_at = self._clock()
        counts, self._unsaid = self._unsaid, Counter()
        _log.warning(
            "requests were refused that showed no token, or none that holds",
            extra={**counts, "senders": len(self._senders), "waiting": len(self._waiting)},
        )


def _end(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


async def _ending(gone: Gone, over: asyncio.Future[None]) -> None:
    try:
        await gone()
    finally:
        _end(over)
