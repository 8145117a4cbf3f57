"""The committer: one batch at a time goes to the database.

In a service the event loop commits (`storage.commit.event_loop`); a thread does where there is none, and where a
commit may have to wait for something else than the disk.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.commit.change_by_change import ChangeByChange
from lrtune.service.storage.commit.event_loop import LoopCommits
from lrtune.service.storage.commit.queue import CommitQueue, Failure
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import DatabaseBusy, RowsRefused

_log = logging.getLogger(__name__)


class Committer:
    """Commits what is in the queue, in the order in which it came.

    `on_refused` is told when the database refused a change: somebody else may have written.
    """

    def __init__(self, database: Database, queue: CommitQueue, *, on_refused: Callable[[], None]) -> None:
        self._database = database
        self._queue = queue
        self._singly = ChangeByChange(database, queue, on_refused=on_refused)
        self._in_loop: LoopCommits | None = None

    @property
    def on_commit(self) -> list[Callable[[set[int]], None]]:
        """Who is told of the ids of studies that have changed, once that is on disk. In the thread that committed."""
        return self._queue.on_commit

    @property
    def on_batch(self) -> list[Callable[[int, float], None]]:
        """Who is told of each batch on disk: how many changes, and the seconds it took."""
        return self._queue.on_batch

    @property
    def on_failure(self) -> list[Callable[[Failure], None]]:
        """Who is told why a batch was not committed as it was. In the thread that tried."""
        return self._queue.on_failure

    @property
    def waiting(self) -> int:
        """How many changes wait to be committed with the next batch."""
        return self._queue.forming

    @property
    def in_flight(self) -> int:
        """How many batches are being committed now: 0 or 1."""
        return int(self._queue.committing.locked())

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
                if batch.singly or not self._commit_whole(batch):
                    self._singly.commit(batch)
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

    def _commit_whole(self, batch: Batch) -> bool:
        """Whether the batch is on disk; where not, the database has refused it, or another process is in its way."""
        try:
            self._database.write(batch.rows(), patient=True)
        except (RowsRefused, DatabaseBusy) as why:
            self._queue.note_failure(why)
            _log.warning("a batch of %d changes is committed one by one: %s", len(batch.changes), why)
            return False
        return True
