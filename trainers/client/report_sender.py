"""Sends a trial's reports in a thread of its own, so that the training need not wait for the service.

    sender = ReportSender(send)
    sender.put([Report(step=1, value=0.5)], None, wait_seconds=0.0)
    sender.flush()
    sender.close()

Reports go in their order, those that came meanwhile in one request. The thread leaves the processor to the training: it
rests two hundred times as long as it was at work itself, a second at the most, so that a report every few milliseconds
costs the training a two-hundredth.
"""

import threading
import time
from collections.abc import Callable

from lrtune.service.wire.trials import Checkpoint, Report
from lrtune.trainers.client.http.retry import SHUTDOWN_SECONDS
from lrtune.trainers.errors import InvalidReport, LrtuneError

REQUEST_REPORTS = 1000
"""The most that the service takes in one request."""
WAITING_REPORTS = 100_000
"""So many may wait to be sent, some 10 MB; then `put` waits, too."""
SHARE = 0.005
"""Of a processor's time, which the thread's own work may take."""
FIRST_REST_SECONDS = 0.1
"""From the beginning of the trial: of what a request takes nothing is known yet."""
LONGEST_REST_SECONDS = 1.0

Send = Callable[[list[Report], Checkpoint | None], None]
"""Sends reports, and the newest checkpoint; returns once they are on the service's disk. Raises LrtuneError."""


class ReportSender:
    """The reports of one trial on their way. The thread begins with the first and ends with `close`, or an error.

    For the process that made it, one thread of it at a time.
    """

    def __init__(self, send: Send) -> None:
        self.error: LrtuneError | None = None
        """Why sending has ended: what is put from then on goes nowhere. The next call raises it."""
        self._send = send
        self._waiting: list[Report] = []
        self._checkpoint: Checkpoint | None = None
        self._put, self._sent = 0, 0
        self._rests_until = time.monotonic() + FIRST_REST_SECONDS
        self._idle, self._urgent, self._closed = False, False, False
        self._request_seconds = 0.0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        """Whether anything was put; until then reports may be sent beside it, and are in their order."""
        return self._thread is not None

    def put(self, reports: list[Report], checkpoint: Checkpoint | None, wait_seconds: float | None) -> None:
        """Takes these reports, and waits for up to `wait_seconds` until they are on the service's disk, where they can
        be by then; None: for as long as `send` takes. Raises what `send` has raised, InvalidReport for a time that is
        none."""
        if wait_seconds is not None and not 0 <= wait_seconds <= threading.TIMEOUT_MAX:
            raise InvalidReport(f"wait_seconds must be 0 or more, or None for as long as it takes, not {wait_seconds}")
        with self._changed:
            self._begin()
            self._changed.wait_for(lambda: self.error is not None or len(self._waiting) < WAITING_REPORTS)
            self._waiting += reports
            self._checkpoint = checkpoint or self._checkpoint
            self._put += len(reports)
            if self._idle:
                self._changed.notify_all()
            self._arrived(wait_seconds)

    def flush(self, most_seconds: float | None = None) -> None:
        """Waits until all are on the service's disk, for as long as `send` takes, or for `most_seconds`. Raises what it
        has raised."""
        with self._changed:
            self._urge(most_seconds)
            self._raise_error()

    def close(self) -> None:
        """Ends the thread, after the request that is on its way; what waits is not sent.

        Where that request is tried again and again, it is not waited for longer than the end of a process takes.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(SHUTDOWN_SECONDS)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="lrtune-reports", daemon=True)
            self._thread.start()

    def _arrived(self, wait_seconds: float | None) -> None:
        if wait_seconds is None:
            self._urge(None)
        elif wait_seconds >= self._rest_seconds() + self._request_seconds:
            self._wait(wait_seconds)
        self._raise_error()

    def _urge(self, most_seconds: float | None) -> None:
        self._urgent = True
        self._changed.notify_all()
        try:
            self._wait(most_seconds)
        finally:
            self._urgent = False

    def _wait(self, seconds: float | None) -> None:
        self._changed.wait_for(lambda: self._sent == self._put or self.error is not None, seconds)

    def _raise_error(self) -> None:
        if self.error is not None:
            raise self.error

    def _rest_seconds(self) -> float:
        return max(0.0, self._rests_until - time.monotonic())

    def _run(self) -> None:
        while self._due():
            began, at_work = time.monotonic(), time.thread_time()
            try:
                self._send_next()
            except Exception as error:
                self._end(error)
                return
            self._request_seconds = time.monotonic() - began
            at_work = time.thread_time() - at_work
            self._rests_until = time.monotonic() + min(at_work / SHARE, LONGEST_REST_SECONDS)

    def _due(self) -> bool:
        """Waits until there is something to send; False once it is closed. Nothing wakes a thread that rests but who
        waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (self._urgent and self._waiting), self._rest_seconds())
            self._idle = True
            self._changed.wait_for(lambda: self._closed or self._waiting)
            self._idle = False
            return not self._closed

    def _send_next(self) -> None:
        with self._changed:
            reports, self._waiting = self._waiting[:REQUEST_REPORTS], self._waiting[REQUEST_REPORTS:]
            checkpoint, self._checkpoint = self._checkpoint, None
        self._send(reports, checkpoint)
        with self._changed:
            self._sent += len(reports)
            self._changed.notify_all()

    def _end(self, error: Exception) -> None:
        with self._changed:
            self.error = error if isinstance(error, LrtuneError) else _unexpected(error)
            self._changed.notify_all()


def _unexpected(error: Exception) -> LrtuneError:
    told = LrtuneError(f"reports could not be sent: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told
