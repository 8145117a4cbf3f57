"""The committer: one batch at a time goes to the database.

In a service the event loop commits (`storage.commit.event_loop`); a thread does where there is none, and where a
commit may have to wait for something else than the disk.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from lrtune.service.storage.commit.batch import Batch, rows_of
from lrtune.service.storage.commit.event_loop import LoopCommits
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import RowsRefused
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.sql import studies

_log = logging.getLogger(__name__)


class Committer:
    """Commits what is in the queue, in the order in which it came.

    `on_refused` is told when the database refused a change: somebody else may have written.
    """

    def __init__(self, database: Database, queue: CommitQueue, *, on_refused: Callable[[], None]) -> None:
        self._database = database
        self._queue = queue
        self._on_refused = on_refused
        self._in_loop: LoopCommits | None = None

    @property
    def on_commit(self) -> list[Callable[[set[int]], None]]:
        """Who is told of the ids of studies that have changed, once that is on disk. In the thread that committed."""
        return self._queue.on_commit

    @property
    def on_batch(self) -> list[Callable[[int, float], None]]:
        """Who is told of each batch on disk: how many changes, and the seconds it took."""
        return self._queue.on_batch

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit in `loop` from now on. Call it in the loop's thread."""
        self._in_loop = LoopCommits(self._queue, self._database, loop)
        self._queue.call = self._in_loop.call

    def detach(self) -> None:
        """Commit in the thread again: the loop is about to end. Waits for a commit under way. In the loop's thread."""
        in_loop, self._in_loop = self._in_loop, None
        self._queue.call = self._queue.wake.set
        if in_loop is not None:
            in_loop.end()
        self._queue.wake.set()

    # In the thread

    def commit(self) -> None:
        """Commit what has formed, waiting for locks of other processes. For the committer's thread."""
        with self._queue.committing:
            batch, begun = self._queue.take(), time.perf_counter()
            if not batch.changes:
                return
            try:
                self._database.write(batch.rows(), patient=True)
            except RowsRefused as refusal:
                _log.warning("a batch of %d changes was refused: %s", len(batch.changes), refusal)
                if self._commit_singly(batch):
                    self._queue.settled(batch, begun)
            except Exception as error:
                self._queue.lost(batch, error)
            else:
                self._queue.settled(batch, begun)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """No commit runs within the block, so that the connection that commits may be used for something else."""
        self._queue.wake.set()  # The loop, which commits without a pause under load, gives way to the thread.
        with self._queue.committing:
            yield

    def _commit_singly(self, batch: Batch) -> bool:
        """Commit change by change, so that a bad row fails alone, with what was decided on top of it.

        False where the database went away meanwhile.
        """
        refused: set[int] = set()
        for change in batch.changes:
            study = change.study
            if study.study_id in refused:
                change.error = _try_again(f"an earlier change of study {study.name} was refused")
                continue
            try:
                self._database.write(rows_of([change]), patient=True)
            except RowsRefused as refusal:
                change.error = _try_again(f"the database refused the change ({refusal})")
                refused.add(study.study_id)
            except StorageUnavailable as error:
                self._queue.fail([batch], error)
                return False
        with self._queue.mirrors.lock:
            for change in self._queue.forming_of(refused):
                change.error = _try_again(f"study {change.study.name} changed meanwhile")
        try:
            self._put_right(refused)
        except StorageUnavailable as error:
            self._queue.fail([batch], error)
            return False
        return True

    def _put_right(self, refused: set[int]) -> None:
        """Some studies' changes were refused: read them anew, and choose ids past those in use."""
        self._on_refused()
        with self._database.read() as connection:
            names = studies.study_names(connection)
            last_ids = studies.largest_ids(connection)
        mirrors = self._queue.mirrors
        with mirrors.lock:
            mirrors.put_right(refused, names, last_ids, in_use=self._queue.pending)


def _try_again(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"{why}; try again", retry_after_seconds=0.1)
