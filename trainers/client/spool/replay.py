"""What a process that has ended kept of a trial, sent to the service in its order."""

import logging

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.http.retry import may_pass
from lrtune.trainers.client.lease_calls import LeaseCalls
from lrtune.trainers.client.spool.backlog import REQUEST_REPORTS
from lrtune.trainers.client.spool.entries import End, Finished, Owner, Told
from lrtune.trainers.client.spool.file import SpoolFile
from lrtune.trainers.errors import LeaseLost, LrtuneError, NotFound

_ENDED = "its worker ended while the service was away"

logger = logging.getLogger(__name__)


def replay(file: SpoolFile, connection: Connection, study: str) -> bool:
    """Sends what is in the file, which goes then; False where the service is away, and it stays.

    Where the trial's end is not in it, its worker was killed: this attempt is lost, and the trial goes back with the
    last checkpoint in the file. A trial that is over, or somebody else's, takes nothing: a line says what is lost.
    Raises OSError; the file is closed in any case.
    """
    sent = _Sent(file.owner, LeaseCalls(connection, study, file.owner.number, file.owner.lease))
    try:
        sent.all_of(file)
    except (LeaseLost, NotFound) as error:
        logger.warning("trial %d: %s is lost: %s", file.owner.number, sent.rest_of(file), error)
        file.remove()
    except LrtuneError as error:
        if may_pass(error):
            file.close()
            return False
        logger.warning("trial %d: %s is refused, and left aside as %s: %s", *_refused(file, sent, error))
    except BaseException:
        file.close()
        raise
    else:
        logger.warning("trial %d: %s", file.owner.number, sent.told)
        file.remove()
    return True


def _refused(file: SpoolFile, sent: "_Sent", error: LrtuneError) -> tuple[int, str, str, LrtuneError]:
    what = sent.rest_of(file)
    return file.owner.number, what, file.set_aside().name, error


class _Sent:
    """How far it has come."""

    def __init__(self, owner: Owner, calls: LeaseCalls) -> None:
        self._owner = owner
        self._calls = calls
        self._reports = 0
        self._checkpoint: wire.Checkpoint | None = None
        self.told = ""
        """In words, once all is sent."""

    def all_of(self, file: SpoolFile) -> None:
        """Raises LrtuneError, OSError."""
        while True:
            told, end, read_to = file.next(REQUEST_REPORTS)
            if not told:
                self._end(end, file.unread_bytes)
                return
            self._calls.report([one.report for one in told], self._newest(told), "few")
            self._reports += len(told)
            file.taken(read_to)

    def _newest(self, told: list[Told]) -> wire.Checkpoint | None:
        there = [one.checkpoint for one in told if one.checkpoint is not None]
        self._checkpoint = there[-1] if there else self._checkpoint
        return there[-1] if there else None

    def _end(self, end: End | None, unread_bytes: int) -> None:
        kept = f"{self._reports} reports that a worker had kept are sent"
        match end:
            case Finished(body=body):
                told = body.model_dump(include={"state", "value", "standard_error", "error"})
                self.told = f"{kept}, and its result: {self._calls.result(**told)}"
            case None:
                self._calls.release(self._checkpoint, error=_ENDED, retry_seconds=0)
                cut = f"; {unread_bytes} bytes behind them cannot be read" if unread_bytes else ""
                self.told = f"{kept}{cut}. {_ENDED.capitalize()}, so it goes back"
            case _:
                self._calls.release(end.body.checkpoint or self._checkpoint, error=end.body.error, retry_seconds=0)
                self.told = f"{kept}; it goes back"

    def rest_of(self, file: SpoolFile) -> str:
        """What could not be sent, in words."""
        reports, found = 0, ""
        while True:
            told, end, read_to = file.next(REQUEST_REPORTS)
            if not told:
                found = f" and its result, {end.body.state}," if isinstance(end, Finished) else ""
                return f"what a worker kept, {reports} reports{found}"
            reports += len(told)
            file.taken(read_to)
