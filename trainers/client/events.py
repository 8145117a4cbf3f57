"""What happens in a study, as it happens: server-sent events, read for as long as one likes."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
from pydantic import BaseModel

from lrtune.service.wire.events import StudyChange, StudyGone
from lrtune.service.wire.studies import StudyStatus
from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.http.retry import FIRST_WAIT_SECONDS
from lrtune.trainers.errors import NotFound

SILENT_SECONDS = 45.0
"""A service says every 15 s that it is there: after three times that the connection is dead."""

Update = StudyStatus | StudyChange | StudyGone

_MODELS: dict[str, type[BaseModel]] = {"status": StudyStatus, "change": StudyChange, "gone": StudyGone}


def updates(connection: Connection, path: str, study: str, stop: threading.Event | None = None) -> Iterator[Update]:
    """The events at `path`, of that study, until it is deleted, or `stop` is set and the next one comes.

    A connection that breaks is opened anew, and what was missed comes then. Raises ServiceError, and ServiceUnreachable
    once the retries are used up.
    """
    stream = _Stream(connection, path)
    with stream.closing:
        while stop is None or not stop.is_set():
            try:
                event = stream.next()
            except NotFound:
                if not stream.heard:
                    raise
                yield StudyGone(study=study)
                return
            model = _MODELS.get(event.event)  # What a newer service tells besides is left out.
            if model is not None:
                update = model.model_validate_json(event.data)
                assert isinstance(update, StudyStatus | StudyChange | StudyGone)
                yield update
            if event.event == "gone":
                return


class _Stream:
    """One after the other, as many connections as it takes."""

    def __init__(self, connection: Connection, path: str) -> None:
        self.closing = ExitStack()
        self.heard = False
        self._connection, self._path = connection, path
        self._last = ""
        self._events: Iterator[httpx2.ServerSentEvent] | None = None

    def next(self) -> httpx2.ServerSentEvent:
        """The next event. Raises what `Connection.send` does."""
        while True:
            if self._events is None:
                self._events = self._connection.retried(self._open)
            try:
                event = next(self._events, None)
            except httpx2.TransportError:
                event = None
            if event is not None:
                self._last, self.heard = event.id or self._last, True
                return event
            self._events = None
            self.closing.close()
            self._connection.retry.stopping.wait(FIRST_WAIT_SECONDS)

    def _open(self) -> Iterator[httpx2.ServerSentEvent]:
        told = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
        response = self.closing.enter_context(self._connection.stream(self._path, told, SILENT_SECONDS))
        return iter(httpx2.EventSource(response))
