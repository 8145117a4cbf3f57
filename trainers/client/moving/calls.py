"""Studies as files: the client's calls."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import httpx2

from lrtune.service.wire.study_lines import FORMAT, MEDIA_TYPE, ImportProgress
from lrtune.trainers.client.http.answers import cause, lines
from lrtune.trainers.client.http.connection import Connection, study_path
from lrtune.trainers.client.moving.batches import batches
from lrtune.trainers.client.moving.changed import where_changed
from lrtune.trainers.client.moving.file import StudyFile, WholeCheck, checked_file, parsed_line
from lrtune.trainers.errors import ServiceError, StudyFileInvalid

_SILENT_SECONDS = 60.0
"""The longest that a service takes for the next lines."""

Count = Callable[[int, int], object]
"""Told how many lines are done, of how many."""


class MovingCalls:
    """Of a `Client`."""

    _connection: Connection

    def export_study(self, name: str) -> Iterator[bytes]:
        """All that the service knows of a study, as the lines of a file: JSON, each with its line end.

        Raises StudyFileInvalid where the answer broke off, ServiceError, ServiceUnreachable.
        """
        whole = WholeCheck(f"the export of study {name}")
        path = f"{study_path(name)}/export"
        try:
            with self._connection.stream(path, {"Accept": MEDIA_TYPE}, _SILENT_SECONDS, lines) as answer:
                for text in _lines(answer.iter_bytes()):
                    whole.take(parsed_line(text, whole.what, whole.lines + 1))
                    yield text
        except httpx2.TransportError as error:
            raise StudyFileInvalid(f"the export of study {name} broke off ({cause(error)}): export it again") from error
        whole.ends()

    def import_study(self, path: str | Path, name: str | None = None, *, count: Count | None = None) -> ImportProgress:
        """Makes the study that a file of `export_study` holds, under its own name or another. It is there, for anybody,
        once all of it is. Where that broke off before, it goes on from there.

        Raises StudyFileInvalid for a file that is no whole export, before anything is made; ServiceError where the
        study exists, for one; ServiceUnreachable, OSError.
        """
        file = checked_file(path, where_changed)
        to = file.name if name is None else name
        progress = self._send(file, to, 0, count)
        while not progress.done:
            progress = self._send(file, to, progress.lines, count)
        return progress

    def _send(self, file: StudyFile, name: str, first: int, count: Count | None) -> ImportProgress:
        """Sends lines from the number `first` on, until all are in, or the service says that it has more of them."""
        for batch in batches(islice(file.read(), first, None), first):
            body = {"file": file.sha256, "first": batch.first, "lines": batch.lines}
            progress = self._sent(file, name, body)
            if count is not None:
                count(progress.lines, file.lines)
            if progress.done or progress.lines > batch.after:
                return progress
        raise StudyFileInvalid(f"{file.path.name} was changed while it was read: export the study anew")

    def _sent(self, file: StudyFile, name: str, body: dict[str, object]) -> ImportProgress:
        try:
            return self._connection.post(ImportProgress, f"{study_path(name)}/import", body)
        except ServiceError as error:
            told = _of_a_line(file, error, int(str(body["first"])))
            if told is None:
                raise
            raise StudyFileInvalid(told) from error


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with their ends, of bytes that come as they come."""
    rest = b""
    for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def _of_a_line(file: StudyFile, error: ServiceError, first: int) -> str | None:
    """A refusal of the service, told by the line of the file; None where it is not about one."""
    if error.problem.status != 422:
        return None
    for wrong in error.problem.errors or ():
        place = [part for part in wrong.get("loc", ()) if part != "body"]
        if len(place) < 2 or place[0] != "lines" or not isinstance(place[1], int):
            continue
        where = ".".join(str(part) for part in place[2:])
        told = f"{file.path.name}, line {first + place[1] + 1}: {where + ': ' if where else ''}{wrong.get('msg')}"
        if file.format != FORMAT:
            told += f" (the file is of format {file.format}, written by lrtune {file.lrtune})"
        return told
    return None
