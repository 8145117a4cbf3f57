"""Renews a lease in a thread of its own while a trial trains.

    with keep(calls.heartbeat, ttl_seconds=60) as keeper:
        for step in ...:
            if keeper.lost.is_set(): ...

A thread, so that a long training step does not let the lease run out;
three beats a lease, so that two may fail.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lrtune.service.wire.trials import Verdict
from lrtune.trainers.errors import LeaseLost, LrtuneError

BEATS_PER_LEASE = 3
HURRIED_BEATS_PER_LEASE = 12
"""After a beat that failed."""

logger = logging.getLogger(__name__)


@dataclass
class Keeper:
    """What the renewals brought to light."""

    lost: threading.Event = field(default_factory=threading.Event)
    """Set once the service has said that the lease is gone."""
    loss: LeaseLost | None = None
    verdict: Verdict | None = None
    """The last answer that was not `continue`."""

    def hear(self, verdict: Verdict) -> None:
        """Remembers a verdict other than `continue`."""
        if verdict.verdict != "continue":
            self.verdict = verdict


@contextmanager
def keep(
    heartbeat: Callable[[], Verdict],
    *,
    ttl_seconds: float,
    wait: Callable[[float], bool] | None = None,
) -> Iterator[Keeper]:
    """Calls `heartbeat` every third of `ttl_seconds` until the block ends; the thread ends with it.

    `wait(seconds)` returns True once the block has ended; tests pass their own.
    """
    keeper = Keeper()
    ended = threading.Event()
    thread = threading.Thread(
        target=_renew,
        args=(keeper, heartbeat, ttl_seconds, wait or ended.wait),
        name="lrtune-lease",
        daemon=True,
    )
    thread.start()
    try:
        yield keeper
    finally:
        ended.set()
        thread.join()


def _renew(keeper: Keeper, heartbeat: Callable[[], Verdict], ttl_seconds: float, wait: Callable[[float], bool]) -> None:
    pause_seconds, failed = ttl_seconds / BEATS_PER_LEASE, False
    while not wait(pause_seconds):
        try:
            verdict = heartbeat()
        except LeaseLost as loss:
            keeper.loss = loss
            keeper.lost.set()
            return
        except LrtuneError as error:
            level = logging.DEBUG if failed else logging.WARNING  # Once for all the time that the service is away.
            logger.log(level, "the lease could not be renewed: %s", error)
            pause_seconds, failed = ttl_seconds / HURRIED_BEATS_PER_LEASE, True
        except Exception:
            logger.exception("the lease could not be renewed")
            pause_seconds = ttl_seconds / HURRIED_BEATS_PER_LEASE
        else:
            keeper.hear(verdict)
            failed = False
            ttl_seconds = verdict.lease_ttl_seconds
            pause_seconds = ttl_seconds / BEATS_PER_LEASE
