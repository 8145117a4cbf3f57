"""Sends a trial's reports in a thread of its own, so that the training need not wait for the service.

    sender = ReportSender(send, backlog)
    sender.put([Report(step=1, value=0.5)], None, wait_seconds=0.0)
    sender.flush()
    sender.close()

Reports go in their order, those that came meanwhile in one request. The thread leaves the processor to the training: it
rests two hundred times as long as it was at work itself, a second at the most, so that a report every few milliseconds
costs the training a two-hundredth.

While the service is away nobody waits: reports go into the backlog, and the thread asks again and again, until all of
it is sent.
"""

import random
import threading
import time
from collections.abc import Callable
from typing import Literal

from lrtune.service.wire.trials import Checkpoint, Report
from lrtune.trainers.client.http.retry import SHUTDOWN_SECONDS, may_pass, wait_seconds
from lrtune.trainers.client.lease_calls import Tries
from lrtune.trainers.client.spool.backlog import REQUEST_REPORTS, Backlog
from lrtune.trainers.errors import InvalidReport, LrtuneError

WAITING_REPORTS = 100_000
"""So many may wait to be sent, some 10 MB; then `put` waits, too."""
SHARE = 0.005
"""Of a processor's time, which the thread's own work may take."""
CATCHING_UP_SHARE = 0.1
"""The same while it sends what has come together: the sooner the verdict on it comes, the less is trained in vain."""
FIRST_REST_SECONDS = 0.1
"""From the beginning of the trial: of what a request takes nothing is known yet."""
LONGEST_REST_SECONDS = 1.0
SYNC_SECONDS = 1.0
"""Between two fsyncs of what is kept while the service is away."""

Send = Callable[[list[Report], Checkpoint | None, Tries], None]
"""Sends reports, and the newest checkpoint; returns once they are on the service's disk. Raises LrtuneError."""


class ReportSender:
    """The reports of one trial on their way. The thread begins with the first and ends with `close`, or an error.

    For the process that made it, one thread of it at a time. Without a `backlog` a service that is away is an error.
    """

    def __init__(self, send: Send, backlog: Backlog | None = None) -> None:
        self.error: LrtuneError | None = None
        """Why sending has ended: what is put from then on goes nowhere. The next call raises it."""
        self._send = send
        self._backlog = backlog
        self._away = False
        self._failed_tries, self._next_try = 0, 0.0
        self._untold: Exception | None = None
        """Why not even a patient try could send what waits."""
        self._waiting: list[Report] = []
        self._checkpoint: Checkpoint | None = None
        self._put, self._sent = 0, 0
        self._rests_until = time.monotonic() + FIRST_REST_SECONDS
        self._idle, self._closed = False, False
        self._urgent: Tries | None = None
        self._request_seconds = 0.0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was put; until then reports may be sent beside it, and are in their order."""
        return self._thread is not None

    def put(self, reports: list[Report], checkpoint: Checkpoint | None, wait_seconds: float | None) -> None:
        """Takes these reports, and waits for up to `wait_seconds` until they are on the service's disk, where they can
        be by then; None: for as long as `send` takes. Nobody waits for a service that is away. Raises what `send` has
        raised, InvalidReport for a time that is none."""
        if wait_seconds is not None and not 0 <= wait_seconds <= threading.TIMEOUT_MAX:
            raise InvalidReport(f"wait_seconds must be 0 or more, or None for as long as it takes, not {wait_seconds}")
        with self._changed:
            self._begin()
            self._changed.wait_for(lambda: self._over or len(self._waiting) < WAITING_REPORTS)
            self._put += len(reports)
            if self._away and self._backlog is not None:
                self._backlog.add(reports, checkpoint)
            else:
                self._waiting += reports
                self._checkpoint = checkpoint or self._checkpoint
            if self._idle:
                self._changed.notify_all()
            self._arrived(wait_seconds)

    def keep(self, reports: list[Report], checkpoint: Checkpoint | None, error: LrtuneError) -> None:
        """Takes reports that were sent beside it in vain. Raises `error` where the service is not merely away."""
        if self._backlog is None or not may_pass(error):
            raise error
        with self._changed:
            self._put += len(reports)
            self._waiting, self._checkpoint = reports, checkpoint
            self._go_on_without(self._backlog, error)
            self._begin()

    def flush(self, most_seconds: float | None = None) -> None:
        """Waits until all are on the service's disk, for as long as `send` takes with all its tries, or for
        `most_seconds`. Raises what it has raised."""
        with self._changed:
            self._untold = None
            self._failed_tries, self._next_try = 0, 0.0
            self._urge("all" if most_seconds is None else "one", most_seconds, lambda: self._untold is not None)
            self._raise_error()
            if self._untold is not None:
                raise self._untold

    def close(self, *, keeps: bool = False) -> None:
        """Ends the thread, after the request that is on its way; what waits is not sent, but kept where it `keeps` it.

        Where that request is tried again and again, it is not waited for longer than the end of a process takes.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(SHUTDOWN_SECONDS)
        if keeps and self._waiting and self.error is None and self._backlog is not None:
            self._backlog.add(self._waiting, self._checkpoint)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lrtune-reports", daemon=True)
            self._thread.start()

    # Who waits

    @property
    def _over(self) -> bool:
        """Whether who reports has nothing to wait for."""
        return self.error is not None or self._away

    def _arrived(self, wait_seconds: float | None) -> None:
        if wait_seconds is None:
            self._urge("few", None, lambda: self._away)
        elif wait_seconds >= self._rest_seconds() + self._request_seconds:
            self._wait(wait_seconds, lambda: self._away)
        self._raise_error()

    def _urge(self, tries: Tries, most_seconds: float | None, ends: Callable[[], bool]) -> None:
        self._urgent = tries
        self._changed.notify_all()
        try:
            self._wait(most_seconds, ends)
        finally:
            self._urgent = None

    def _wait(self, seconds: float | None, ends: Callable[[], bool]) -> None:
        self._changed.wait_for(lambda: self._sent == self._put or self.error is not None or ends(), seconds)

    def _raise_error(self) -> None:
        if self.error is not None:
            raise self.error

    # The thread

    def _rest_seconds(self) -> float:
        return max(0.0, self._rests_until - time.monotonic())

    def _run(self) -> None:
        while (due := self._due()) != "nothing":
            began, at_work = time.monotonic(), time.thread_time()
            if self._away and self._backlog is not None:
                self._backlog.sync()
            if due == "sync":
                continue
            if not self._tried():
                return
            self._request_seconds = time.monotonic() - began
            at_work = time.thread_time() - at_work
            share = CATCHING_UP_SHARE if self._away else SHARE
            self._rests_until = time.monotonic() + min(at_work / share, LONGEST_REST_SECONDS)

    def _due(self) -> Literal["reports", "sync", "nothing"]:
        """Waits until there is something to do; nothing is, once it is closed. Nothing wakes a thread that rests but
        who waits for it."""
        with self._changed:
            if self._away:
                return self._due_while_away()
            self._changed.wait_for(lambda: self._closed or (self._urgent and self._waiting), self._rest_seconds())
            self._idle = True
            self._changed.wait_for(lambda: self._closed or self._waiting or self._away)
            self._idle = False
            if self._closed:
                return "nothing"
            return "sync" if self._away else "reports"

    def _due_while_away(self) -> Literal["reports", "sync", "nothing"]:
        seconds = max(self._next_try - time.monotonic(), 0.0 if self._urgent else self._rest_seconds())
        self._changed.wait_for(lambda: self._closed or self._next_try == 0.0, min(seconds, SYNC_SECONDS))
        if self._closed:
            return "nothing"
        return "sync" if seconds > SYNC_SECONDS and self._next_try else "reports"

    def _tried(self) -> bool:
        """Sends what comes next; False where sending has ended with that."""
        try:
            self._send_kept() if self._away else self._send_next()
        except Exception as error:
            with self._changed:
                if self._backlog is None or not may_pass(error):
                    self._end(error)
                elif not self._closed:
                    self._go_on_without(self._backlog, error)
                return self.error is None
        return True

    def _tries(self, usual: Tries) -> Tries:
        return "all" if self._urgent == "all" else usual

    def _send_next(self) -> None:
        with self._changed:
            reports, self._waiting = self._waiting[:REQUEST_REPORTS], self._waiting[REQUEST_REPORTS:]
            checkpoint, self._checkpoint = self._checkpoint, None
        try:
            self._send(reports, checkpoint, self._tries("few"))
        except Exception:
            with self._changed:
                self._waiting, self._checkpoint = reports + self._waiting, self._checkpoint or checkpoint
            raise
        with self._changed:
            self._sent += len(reports)
            self._changed.notify_all()

    def _end(self, error: Exception) -> None:
        self.error = error if isinstance(error, LrtuneError) else _unexpected(error)
        self._changed.notify_all()

    # While the service is away

    def _go_on_without(self, backlog: Backlog, error: Exception) -> None:
        if not self._away:
            self._away, self._failed_tries = True, 0
            backlog.begin(error)
            backlog.add(self._waiting, self._checkpoint)
            self._waiting, self._checkpoint = [], None
        self._failed_tries += 1
        self._next_try = time.monotonic() + wait_seconds(self._failed_tries, error, jitter=random.random())
        if self._urgent == "all":
            self._untold = error
        self._changed.notify_all()

    def _send_kept(self) -> None:
        assert self._backlog is not None
        reports, checkpoint = self._backlog.next()
        if reports:
            self._send(reports, checkpoint, self._tries("one"))
        with self._changed:
            if self._closed:
                return  # What was kept may have been left to others by now.
            self._backlog.taken()
            self._sent += len(reports)
            self._failed_tries, self._next_try = 0, time.monotonic()
            if not self._backlog.holds_reports:
                self._away, self._sent = False, self._put
            self._changed.notify_all()


def _unexpected(error: Exception) -> LrtuneError:
    told = LrtuneError(f"reports could not be sent: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
