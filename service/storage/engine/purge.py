"""Removing the rows of deleted studies, a few at a time, between the commits."""

import logging
import threading
import time

from lrtune.service.storage.commit.committer import Committer
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import DatabaseBusy, RowsRefused
from lrtune.service.storage.sql.deleted import remove_some

_log = logging.getLogger(__name__)

ROWS_AT_ONCE = 1_000
"""Removed within a transaction: some milliseconds, in which nothing else is committed."""
_AFTER_REFUSAL_SECONDS = 5.0


class Purge:
    """The deleted studies that still have rows. `step` is for the thread that commits, any other call for any."""

    def __init__(self, database: Database, queue: CommitQueue, committer: Committer) -> None:
        self._database = database
        self._queue = queue
        self._committer = committer
        self._study_ids: dict[int, None] = {}
        self._not_before = 0.0
        self._done = threading.Event()
        self._done.set()
        self.steps = 0
        """How many transactions it took so far."""

    def begin(self, study_ids: list[int]) -> None:
        """These were left when the process before this one ended. Under the mirrors' lock."""
        self._study_ids = dict.fromkeys(study_ids)
        if not study_ids:
            self._done.set()
            return
        self._done.clear()
        _log.info("removing what is left of %d deleted studies", len(study_ids))

    def add(self, study_id: int) -> None:
        """A study is deleted by a change that is under way. Under the mirrors' lock."""
        self._study_ids[study_id] = None
        self._done.clear()

    @property
    def due(self) -> bool:
        """Whether there is something to remove now."""
        return bool(self._study_ids) and time.monotonic() >= self._not_before

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until nothing is left to remove; whether that is so."""
        return self._done.wait(timeout_seconds)

    def step(self) -> None:
        """Remove some rows of one study. Raises StorageUnavailable where the database does not answer."""
        with self._queue.mirrors.lock:
            ready = (study_id for study_id in self._study_ids if study_id not in self._queue.pending)
            study_id = next(ready, None)
        if study_id is None:
            return  # Their deletions are still to be committed.
        self.steps += 1
        try:
            with self._committer.resting(), self._database.between_commits() as connection:
                gone = remove_some(connection, study_id, ROWS_AT_ONCE)
        except (DatabaseBusy, RowsRefused) as error:  # Another process holds a lock, or adds trials to the study.
            _log.info("rows of the deleted study %d are removed later: %s", study_id, error)
            self._not_before = time.monotonic() + _AFTER_REFUSAL_SECONDS
            return
        if gone:
            with self._queue.mirrors.lock:
                self._study_ids.pop(study_id, None)
                if not self._study_ids:
                    self._done.set()
