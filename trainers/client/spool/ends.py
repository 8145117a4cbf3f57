"""The end of a trial that cannot be told now: kept in its spool file, as it is to be sent."""

from typing import Any, Protocol

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.spool.backlog import Backlog
from lrtune.trainers.client.spool.entries import End, Finished, GivenBack
from lrtune.trainers.errors import LrtuneError


class EndCalls(Protocol):
    """How a trial ends; each answers with the trial's state then."""

    def result(
        self,
        state: wire.Outcome,
        *,
        value: float | None = None,
        standard_error: float | None = None,
        error: str | None = None,
    ) -> str:
        """It is over."""
        ...

    def release(
        self, checkpoint: wire.Checkpoint | None, *, error: str | None = None, retry_seconds: float | None = None
    ) -> str:
        """It is given back."""
        ...


class NotKept(LrtuneError):
    """The end could not be kept on disk."""


class KeptEnds:
    """The same calls, into the spool file of `lease`. Both raise NotKept."""

    def __init__(self, backlog: Backlog, lease: str) -> None:
        self._backlog = backlog
        self._lease = lease

    def result(self, state: wire.Outcome, **how: Any) -> str:
        """Keeps a result."""
        return self._keep(Finished(body=wire.Result(lease=self._lease, state=state, **how)))

    def release(
        self, checkpoint: wire.Checkpoint | None, *, error: str | None = None, retry_seconds: float | None = None
    ) -> str:
        """Keeps that it is given back; the file is there at once, or not at all."""
        return self._keep(GivenBack(body=wire.Release(lease=self._lease, checkpoint=checkpoint, error=error)))

    def _keep(self, end: End) -> str:
        if self._backlog.keep_end(end) is None:
            raise NotKept("what the trial came to could not be kept on disk")
        return "running"
