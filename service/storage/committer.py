"""The committer: gathers changes into batches and commits them, one batch at a time.

On SQLite, in a service, a batch is committed in the event loop, as soon as it has some changes or no more come in turn
after turn of the loop: one transaction for all requests under way, and no hand-over between threads, which costs more
than the commit (the interpreter lock changes hands at every call of the database). Where another process holds SQLite's
write lock, and on PostgreSQL, a thread commits, so that the loop waits for nothing longer than a batch's own commit.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from service.storage.batch import Batch
from service.storage.changes import Change
from service.storage.database import Database, DatabaseBusy, RowsRefused
from service.storage.errors import StorageUnavailable
from service.storage.statements import Op, Row

_log = logging.getLogger(__name__)

_IDLE_TURNS = 2
"""A request takes the loop a turn to be read, and one to be run."""
_ENOUGH = 8
"""Changes that a batch does not wait beyond: with many clients the loop had better answer some while others send."""
_GATHER_SECONDS = 0.003
"""The longest that the first change of a batch waits for more."""


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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: int | None = None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit in `loop` from now on, where the database is one that can. Call it in the loop's thread."""
        if self._database.dialect == "sqlite":
            self._loop_thread = threading.get_ident()
            self._loop = loop

    def detach(self) -> None:
        """Commit in the thread again: the loop is about to end."""
        self._loop = self._loop_thread = None
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
        loop = self._loop
        if loop is None:
            self.wake.set()
        elif threading.get_ident() == self._loop_thread:
            self._gather()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(self._gather)

    def _gather(self, until: float | None = None, seen: int = 0, idle: int = 0) -> None:
        """Commit once the loop has nothing more for a small batch: a commit costs as much as several requests."""
        loop = self._loop
        if loop is None:
            self.wake.set()
            return
        now = loop.time()
        until = now + _GATHER_SECONDS if until is None else until
        count = len(self._forming.changes)
        idle = 0 if count > seen else idle + 1
        if idle < _IDLE_TURNS and count < _ENOUGH and now < until:
            loop.call_soon(self._gather, until, count, idle)
        else:
            self._commit_in_loop()

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
            self._commit_forming(patient=True)

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """No commit runs within the block, so that the connection that commits may be used for something else."""
        with self._committing:
            yield

    def _commit_in_loop(self) -> None:
        if not self._committing.acquire(blocking=False):
            self.wake.set()  # The thread is at it, and commits this one next.
            return
        try:
            self._commit_forming(patient=False)
        except DatabaseBusy:
            self.wake.set()
        finally:
            self._committing.release()

    def _commit_forming(self, *, patient: bool) -> None:
        with self._lock:
            batch, self._forming = self._forming, Batch()
        if not batch.changes:
            return
        begun = time.perf_counter()
        try:
            self._database.write(_rows(batch.changes), patient=patient)
        except DatabaseBusy:
            self._put_back(batch)
            raise
        except RowsRefused as refusal:
            if not patient:  # One by one they take longer than a batch may: that is for the thread.
                self._put_back(batch)
                raise DatabaseBusy from refusal
            _log.warning("a batch of %d changes was refused: %s", len(batch.changes), refusal)
            if not self._commit_singly(batch):
                return
        except StorageUnavailable as error:
            self._on_failed([batch], error)
            return
        except Exception as error:
            _log.exception("a batch could not be committed")
            self._on_failed([batch], StorageUnavailable(f"the change could not be committed ({error}); try again"))
            return
        for observe in self.on_batch:
            observe(len(batch.changes), time.perf_counter() - begun)
        self._end(batch)

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
                self._database.write(_rows([change]), patient=True)
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


def _rows(changes: Sequence[Change]) -> list[Row]:
    rows: list[Row] = []
    versions: dict[int, Row] = {}
    for change in changes:
        if change.error is not None:
            continue
        rows += change.rows
        study = change.study
        if study.spec is not None:
            row = {"of_study_id": study.study_id, "version": change.version, "updated_at": change.now}
            versions[study.study_id] = (Op.UPDATE_VERSION, row)
    rows += versions.values()
    return rows


def _try_again(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"{why}; try again", retry_after_seconds=0.1)
