"""Small transactions of their own, between the commits of studies."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from lrtune.service.storage.commit.committer import Committer
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import DRIVERS_RAISE, DatabaseBusy, RowsRefused
from lrtune.service.storage.errors import StorageUnavailable

Result = TypeVar("Result")

_TRIES = 20
_WAIT_SECONDS = 0.05


class Upkeep:
    """Runs what writes neither studies nor trials, on the connection that holds the writer lock."""

    def __init__(self, database: Database, queue: CommitQueue, committer: Committer) -> None:
        self._database = database
        self._queue = queue
        self._committer = committer

    def run(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns; what it wrote is on disk. What it raises is raised, and nothing is written. Blocks, a
        second at the most where another process is in the way; raises StorageUnavailable."""
        for tried in range(_TRIES):
            if tried:
                time.sleep(_WAIT_SECONDS)
            self._queue.state.check_active()
            try:
                return self._once(work)
            except DatabaseBusy:
                continue
            except StorageUnavailable as error:
                self._queue.fail([], error)
                raise
        raise StorageUnavailable("another process holds a lock on the database; try again")

    def _once(self, work: Callable[[Connection], Result]) -> Result:
        refused: Exception | None = None
        try:
            with self._committer.resting(), self._database.between_commits() as connection:
                try:
                    return work(connection)
                except DRIVERS_RAISE:
                    raise
                except Exception as error:
                    refused = error
                    raise
        except RowsRefused as error:
            raise refused or StorageUnavailable(f"the database refused it: {error}") from refused
