"""Which failures are worth another try, and how long to wait before it.

Retried: a connection that fails or breaks off, an answer that is not lrtune's own (see `answers`), and of lrtune's the
statuses 408, 429, 500, 502, 503 and 504; a request that must not be processed twice only where the status, or the
connection, says that it was not processed. Never: any other 4xx of lrtune's; a 409 means that the lease is gone, and
repeating the question does not bring it back.
"""

import logging
import math
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Self, TypeVar

import httpx2
import tenacity

from lrtune.trainers.errors import ForeignAnswer, ServiceError, ServiceUnreachable, TokenRefused

Answer = TypeVar("Answer")

FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 10.0
LONGEST_RETRY_AFTER_SECONDS = 30.0
SHUTDOWN_SECONDS = 5.0
"""What is left for retries once the process has been told to end."""

BROKEN_SERVICE_SECONDS = 30.0
"""How long a service that answers 500 is asked again: a fault of its own may be there to stay."""
UNKNOWN_ADDRESS_SECONDS = 10.0
"""How long something else is asked again where lrtune never answered: the address may be wrong."""
SILENT_SECONDS = 2.0
"""A script that waits longer than that for its service says so, and again every `TOLD_EVERY_SECONDS`."""
TOLD_EVERY_SECONDS = 30.0
_LONGEST_TOLD_SECONDS = 12 * 3600.0
"""Who tries for longer has no time of day to tell."""

_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_NOT_PROCESSED_STATUSES = frozenset({408, 429, 503})
_IN_ITS_PLACE_STATUSES = _NOT_PROCESSED_STATUSES | {401, 403, 404, 407, 502, 504, *range(300, 400), *range(520, 530)}
"""With these something in between answers for a service that it did not let the request through to."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_BROKEN = (*_NOT_SENT, httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ProxyError)

logger = logging.getLogger(__name__)


def may_retry(error: BaseException, *, repeatable: bool = True) -> bool:
    """Whether another try can help and does no harm.

    `repeatable` says that the service takes a second copy of this request for the first; where it does not,
    only a request that was certainly not processed is sent again.
    """
    if isinstance(error, ForeignAnswer):
        return repeatable or certainly_not_processed(error)
    if isinstance(error, ServiceError):
        return error.problem.status in (_PASSING_STATUSES if repeatable else _NOT_PROCESSED_STATUSES)
    return isinstance(error, _BROKEN if repeatable else _NOT_SENT)


def may_pass(error: BaseException) -> bool:
    """Whether a call that failed so, for as long as it was tried, may succeed later: the service is away, or refuses a
    token in whose place there may be another one then."""
    if isinstance(error, ServiceUnreachable):
        return True
    return may_retry(error) or _lacks_token(error)


def _lacks_token(error: BaseException) -> bool:
    return isinstance(error, TokenRefused) and error.problem.status == 401


def is_limited(error: BaseException | None) -> bool:
    """Whether the service is well and says that its caller has had enough for now: 429, of its own."""
    return isinstance(error, ServiceError) and error.problem.status == 429


def certainly_not_processed(error: ServiceUnreachable) -> bool:
    """Whether the status, or how the connection failed, says that the service never saw the request."""
    if isinstance(error, ForeignAnswer):
        return error.status in _IN_ITS_PLACE_STATUSES
    return isinstance(error.__cause__, _NOT_SENT)


def backoff_seconds(attempt: int, *, jitter: float) -> float:
    """The wait after failed `attempt` (from 1): 0.2, 0.4, 0.8 … 10 s, times 0.5 to 1 by `jitter` in [0, 1].

    >>> [backoff_seconds(n, jitter=1.0) for n in (1, 2, 3, 9)]
    [0.2, 0.4, 0.8, 10.0]
    """
    full = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempt - 1, 30))
    return full * (0.5 + 0.5 * jitter)


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for (RFC 9110 §10.2.3: a number or a date); None where unclear."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            date = parsedate_to_datetime(header)
            seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)


def wait_seconds(attempt: int, error: BaseException | None, *, jitter: float) -> float:
    """`backoff_seconds`, or longer where the service asked for it, up to 30 s."""
    asked = error.retry_after_seconds if isinstance(error, ServiceError | ForeignAnswer) else None
    backoff = backoff_seconds(attempt, jitter=jitter)
    return backoff if asked is None else max(backoff, min(asked, LONGEST_RETRY_AFTER_SECONDS))


def patience_seconds(error: BaseException | None) -> float:
    """How long such a failure is worth further tries, at most."""
    if isinstance(error, ForeignAnswer) and not error.heard and error.status not in _PASSING_STATUSES:
        return UNKNOWN_ADDRESS_SECONDS
    if isinstance(error, ServiceError) and error.problem.status == 500:
        return BROKEN_SERVICE_SECONDS
    return math.inf


@dataclass(frozen=True)
class Retry:
    """Calls a function until it succeeds, cannot succeed, or `total_seconds` would be exceeded.

    Where the service says that its caller has reached a limit (429), it is asked again for `limited_seconds`, and that
    time is not counted; it is as long as `total_seconds` unless given. `stopping`, once set, ends a wait at once and
    leaves `SHUTDOWN_SECONDS` for retries. `awaits_token`: one that is refused is no reason to end; another may come.
    """

    total_seconds: float = 300.0
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], None] | None = None
    limited_seconds: float | None = None
    awaits_token: bool = False

    def limited_for(self, seconds: float) -> Self:
        """The same with other patience with limits: a training in hand waits for longer than a caller."""
        return replace(self, limited_seconds=seconds)

    def __call__(self, send: Callable[[], Answer], *, repeatable: bool = True, server: str = "") -> Answer:
        """What `send` returns. Its last error passes through. `server` is named where somebody waits for it."""
        run = _Run(self, server, self.clock())
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: self._is_worth_it(error, repeatable)),
            stop=run.enough,
            wait=lambda state: wait_seconds(state.attempt_number, _error(state), jitter=self.jitter()),
            sleep=self.sleep or self._sleep,
            before_sleep=run.log,
            reraise=True,
        )
        return retrying(send)

    def _is_worth_it(self, error: BaseException, repeatable: bool) -> bool:
        return may_retry(error, repeatable=repeatable) or (self.awaits_token and _lacks_token(error))

    def budget_seconds(self, error: BaseException | None) -> float:
        """How long such a failure is tried against."""
        budget = min(self.total_seconds, patience_seconds(error))
        if is_limited(error) and self.limited_seconds is not None:
            budget = self.limited_seconds
        return min(budget, SHUTDOWN_SECONDS) if self.stopping.is_set() else budget

    def _sleep(self, seconds: float) -> None:
        if self.stopping.is_set():
            threading.Event().wait(seconds)
        else:
            self.stopping.wait(seconds)


class _Run:
    """One call's tries: how long they have taken, and what is said of it."""

    def __init__(self, retry: Retry, server: str, now: float) -> None:
        self._retry = retry
        self._server = server
        self._started = now
        self._limited = 0.0
        self._tell_from = SILENT_SECONDS

    def _waited(self, error: BaseException | None) -> float:
        since = self._retry.clock() - self._started
        return self._limited if is_limited(error) else since - self._limited

    def enough(self, state: tenacity.RetryCallState) -> bool:
        error = _error(state)
        return self._waited(error) + state.upcoming_sleep > self._retry.budget_seconds(error)

    def log(self, state: tenacity.RetryCallState) -> None:
        error = _error(state)
        logger.warning("%s; trying again in %.1f s", error, state.upcoming_sleep)
        waited = self._retry.clock() - self._started
        if waited + state.upcoming_sleep > self._tell_from and not _heard_by_a_handler():
            self._tell(error, self._retry.budget_seconds(error) - self._waited(error))
            self._tell_from = waited + TOLD_EVERY_SECONDS
        if is_limited(error):
            self._limited += state.upcoming_sleep

    def _tell(self, error: BaseException | None, left_seconds: float) -> None:
        what = f"{error}" if is_limited(error) else f"no answer from {self._server} ({error})"
        until = "that passes"
        if left_seconds < _LONGEST_TOLD_SECONDS:
            until = f"{datetime.now() + timedelta(seconds=left_seconds):%H:%M:%S}"
        sys.stderr.write(f"lrtune: {what}; trying until {until}\n")


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def _heard_by_a_handler() -> bool:
    """Whether anyone reads what `logger` says: a script that has not set up logging does not."""
    at: logging.Logger | None = logger
    while at is not None:
        if any(not isinstance(handler, logging.NullHandler) for handler in at.handlers):
            return True
        at = at.parent if at.propagate else None
    return False
