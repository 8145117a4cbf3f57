"""The committer: gathers changes into batches and commits them, one batch at a time.

In a service the event loop commits (`storage.commit.event_loop`); a thread does where there is none, and where a
commit may have to wait for something else than the disk.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from lrtune.service.storage.commit.batch import Batch, rows_of
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.event_loop import LoopCommits
from lrtune.service.storage.database.database import Database, DatabaseBusy, RowsRefused
from lrtune.service.storage.errors import StorageUnavailable

_log = logging.getLogger(__name__)


class Committer:
    """Commits what is submitted, in the order in which it came.

    `lock` is the engine's. `on_refused` is told of studies whose changes the database refused, `on_failed` of an error
    after which nothing can be committed.
    """

    def __init__(
        self,
        database: Database,
        lock: threading.RLock,
        *,
        on_refused: Callable[[set[int]], None],
        on_failed: Callable[[list[Batch], StorageUnavailable], None],
    ) -> None:
        self.wake = threading.Event()
        self.on_commit: list[Callable[[set[int]], None]] = []
        self.on_batch: list[Callable[[int, float], None]] = []
        self._database = database
        self._lock = lock
        self._on_refused = on_refused
        self._on_failed = on_failed
        self._forming = Batch()
        self._pending: dict[int, Batch] = {}
        self._committing = threading.Lock()
        self._in_loop: LoopCommits | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit in `loop` from now on. Call it in the loop's thread."""
        self._in_loop = LoopCommits(self, self._database, loop)

    def detach(self) -> None:
        """Commit in the thread again: the loop is about to end. Waits for a commit under way. In the loop's thread."""
        in_loop, self._in_loop = self._in_loop, None
        if in_loop is not None:
            in_loop.end()
        self.wake.set()

    def submit(self, change: Change) -> None:
        """Let a change join the forming batch. Under the lock."""
        batch = self._forming
        change.batch = batch
        batch.changes.append(change)
        self._pending[change.study.study_id] = batch
        if len(batch.changes) == 1:
            self._call_for_commit()

    def _call_for_commit(self) -> None:
        if self._in_loop is None:
            self.wake.set()
        else:
            self._in_loop.call()

    @property
    def forming(self) -> int:
        """How many changes wait to be committed with the next batch."""
        return len(self._forming.changes)

    def pending(self, study_id: int) -> Batch | None:
        """The batch that the latest change of a study waits in, if any. Under the lock."""
        return self._pending.get(study_id)

    def batches(self) -> set[Batch]:
        """The batches that any change still waits in. Under the lock."""
        return set(self._pending.values())

    def take_all(self) -> Batch:
        """The forming batch, whose changes will not be committed. Under the lock."""
        forming, self._forming = self._forming, Batch()
        self._pending.clear()
        return forming

    def commit(self) -> None:
        """Commit what has formed, waiting for locks of other processes. For the committer's thread."""
        with self._committing:
            batch, begun = self.take(), time.perf_counter()
            if not batch.changes:
                return
            try:
                self._database.write(batch.rows(), patient=True)
            except Exception as error:
                self._failed_for_good(batch, error, begun)
            else:
                self.settled(batch, begun)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """No commit runs within the block, so that the connection that commits may be used for something else."""
        self.wake.set()  # The loop, which commits without a pause under load, gives way to the thread.
        with self._committing:
            yield

    def claim(self) -> bool:
        """Try to be the one that commits, until `yield_claim`; never waits. What the thread is woken for goes first."""
        return not self.wake.is_set() and self._committing.acquire(blocking=False)

    def yield_claim(self) -> None:
        """Let another commit. In the thread that has claimed it."""
        self._committing.release()

    def take(self) -> Batch:
        """The forming batch, which is about to be committed."""
        with self._lock:
            batch, self._forming = self._forming, Batch()
        return batch

    def settled(self, batch: Batch, begun: float) -> None:
        """The batch is on disk: answer it. `begun`: when committing it began, by the performance counter."""
        for observe in self.on_batch:
            observe(len(batch.changes), time.perf_counter() - begun)
        self._end(batch)

    def failed(self, batch: Batch, error: Exception) -> None:
        """Committing the batch without waiting has failed: leave it to the thread where waiting helps."""
        if isinstance(error, DatabaseBusy | RowsRefused):  # Change by change takes longer than a batch may.
            self._put_back(batch)
            self.wake.set()
        else:
            self._lost(batch, error)

    def _failed_for_good(self, batch: Batch, error: Exception, begun: float) -> None:
        if not isinstance(error, RowsRefused):
            self._lost(batch, error)
            return
        _log.warning("a batch of %d changes was refused: %s", len(batch.changes), error)
        if self._commit_singly(batch):
            self.settled(batch, begun)

    def _lost(self, batch: Batch, error: Exception) -> None:
        if not isinstance(error, StorageUnavailable):
            _log.error("a batch could not be committed", exc_info=error)
            error = StorageUnavailable(f"the change could not be committed ({error}); try again")
        self._on_failed([batch], error)

    def _put_back(self, batch: Batch) -> None:
        """Make a batch that was not committed the forming one again, before what has come since."""
        with self._lock:
            since, self._forming = self._forming, batch
            batch.absorb(since)
            for change in since.changes:
                change.batch = batch
                self._pending[change.study.study_id] = batch

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
                self._on_failed([batch], error)
                return False
        with self._lock:
            for change in self._forming.changes:
                if change.study.study_id in refused:
                    change.error = _try_again(f"study {change.study.name} changed meanwhile")
        try:
            self._on_refused(refused)
        except StorageUnavailable as error:
            self._on_failed([batch], error)
            return False
        return True

    def _end(self, batch: Batch) -> None:
        studies = {change.study.study_id for change in batch.changes}
        with self._lock:
            for study_id in studies:
                if self._pending.get(study_id) is batch:
                    del self._pending[study_id]
        batch.end()
        for notify in self.on_commit:
            notify(studies)


def _try_again(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"{why}; try again", retry_after_seconds=0.1)
