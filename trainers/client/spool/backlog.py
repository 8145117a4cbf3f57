"""What one trial has reported since the service is away: on disk where that can be, else in memory.

The training never waits for it. Of more than there is room for, what came first is kept, and the newest report with the
newest checkpoint: the curve has a gap then, but it ends where the training is.
"""

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lrtune.service.wire import trials as wire
from lrtune.trainers.client.spool.entries import End, Owner, Told
from lrtune.trainers.client.spool.file import SpoolFile
from lrtune.trainers.client.spool.folder import Spooling

MEMORY_REPORTS = 100_000
"""Kept in memory where they cannot be on disk, some 30 MB."""
REQUEST_REPORTS = 1000
"""The most that the service takes in one request."""

logger = logging.getLogger(__name__)


class Backlog:
    """Of the lease that `owner` says. One thread puts in, another takes out, in their order.

    None of it raises OSError: what cannot be kept on disk is said in one line, and kept in memory.
    """

    def __init__(self, owner: Owner, spooling: Spooling) -> None:
        self._owner = owner
        self._spooling = spooling
        self._file: SpoolFile | None = None
        self._refused = False
        """Whether a file could not be made, or written: it is not tried again."""
        self._memory: list[Told] = []
        self._reading: tuple[int, int] = (0, 0)
        """What `next` gave: how far the file was read, how many of those in memory."""
        self._added = self._left_out = 0
        self._since = 0.0
        self._lock = threading.RLock()

    @property
    def holds_reports(self) -> bool:
        """Whether there is something to be told."""
        return self._memory != [] or (self._file is not None and self._file.unread_bytes > 0)

    @property
    def path(self) -> Path | None:
        """Of its file; None where there is none."""
        return None if self._file is None else self._file.path

    # While the service is away

    def begin(self, why: Exception) -> None:
        """The service is away, as `why` says."""
        self._added = self._left_out = 0
        self._since = time.monotonic()
        with self._lock:
            self._open()
        place = "in memory" if self._file is None else f"in {self._file.path}"
        logger.warning(
            "trial %d: %s. Its training goes on, and what it reports is kept %s until the service takes it",
            *(self._owner.number, why, place),
        )

    def add(self, reports: Sequence[wire.Report], checkpoint: wire.Checkpoint | None) -> None:
        """Keep these; the checkpoint is of the last of them."""
        told = [Told(report=report) for report in reports]
        if checkpoint is not None and told:
            told[-1].checkpoint = checkpoint
        with self._lock:
            self._added += len(told)
            if self._memory or not self._write(told):
                self._remember(told)

    def _write(self, told: Sequence[Told | End], *, beyond: bool = False) -> bool:
        """Whether they are in the file."""
        self._open()
        if self._file is None or self._refused:
            return False
        try:
            self._file.append(told, beyond=beyond)
        except OSError as error:
            self._refuse(error)
            return False
        return True

    def _open(self) -> None:
        if self._file is not None or self._refused:
            return
        try:
            self._file = SpoolFile.begin(self._spooling, self._owner)
        except OSError as error:
            self._refuse(error)

    def _refuse(self, error: OSError) -> None:
        self._refused = True
        if self._spooling.most_bytes:
            logger.warning(
                "trial %d: what it reports is not kept on disk from now on, and is lost if this process ends before "
                "the service is back: %s",
                *(self._owner.number, error),
            )

    def _remember(self, told: list[Told]) -> None:
        for one in told:
            if len(self._memory) < MEMORY_REPORTS + self._reading[1]:
                self._memory.append(one)
                continue
            one.checkpoint = one.checkpoint or self._memory[-1].checkpoint
            self._memory[-1] = one
            self._left_out += 1

    def sync(self) -> None:
        """Have on the disk what was put in."""
        file = self._file
        if file is None or self._refused:
            return
        try:
            file.sync()
        except OSError as error:
            self._refuse(error)

    # Once it is back

    def next(self) -> tuple[list[wire.Report], wire.Checkpoint | None]:
        """The reports that come first, as many as a request holds, and the newest checkpoint among them."""
        told: list[Told] = []
        if self._file is not None and self._file.unread_bytes:
            told = self._from_file(self._file)
        with self._lock:
            if not told:
                told = self._memory[:REQUEST_REPORTS]
                self._reading = (0, len(told))
        checkpoints = [one.checkpoint for one in told if one.checkpoint is not None]
        return [one.report for one in told], checkpoints[-1] if checkpoints else None

    def _from_file(self, file: SpoolFile) -> list[Told]:
        try:
            told, _, read_to = file.next(REQUEST_REPORTS)
        except OSError as error:
            told, read_to = [], 0
            self._refuse(error)
        if not told:  # Somebody has written into it, or the disk has lost it.
            logger.warning("trial %d: what is left of %s cannot be read any more", self._owner.number, file.path)
            file.skip_rest()
            return []
        self._reading = (read_to, 0)
        return told

    def taken(self) -> None:
        """The service has what `next` gave."""
        with self._lock:
            read_to, remembered = self._reading
            self._reading = (0, 0)
            if read_to and self._file is not None:
                self._file.taken(read_to)
            del self._memory[:remembered]
            if not self.holds_reports:
                self._over()

    def _over(self) -> None:
        if self._file is not None:
            self._file.remove()
        self._file, self._refused = None, False
        logger.warning(
            "trial %d: the service is back after %.0f s, and has its %d reports%s",
            *(self._owner.number, time.monotonic() - self._since, self._added - self._left_out),
            f"; {self._left_out} more were left out, for which there was no room" if self._left_out else "",
        )

    # The end

    def keep_end(self, end: End) -> Path | None:
        """Keep on disk how the trial ended, with all that it reported before; where, or None where that cannot be."""
        with self._lock:
            if self._memory or not self._write([end], beyond=True):
                return None
            self.sync()
            return None if self._refused else self.path

    def drop(self, why: str) -> None:
        """Nobody wants it any more."""
        with self._lock:
            if self.holds_reports:
                logger.warning(
                    "trial %d: what it reported since the service was away is lost: %s", self._owner.number, why
                )
            if self._file is not None:
                self._file.remove()
            self._file = None

    def close(self) -> None:
        """Leave to the next worker what there is on disk, if there is anything."""
        with self._lock:
            if self._file is not None:
                (self._file.close if self._file.unread_bytes else self._file.remove)()
            self._file = None
