"""What is to be committed, whoever commits it: the batch that forms, those under way, and how each of them ends."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.locked_studies import LockedStudies
from lrtune.service.storage.commit.writer_state import WriterState
from lrtune.service.storage.database.driver_errors import DatabaseBusy, HeldUp, RowsRefused
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.memory.mirrors import Mirrors

_log = logging.getLogger(__name__)

Failure = Literal["busy", "held_up", "refused", "lost"]
"""Why a batch was not committed as it was. All but what is `lost` is tried again: another process had the database, or
a row of it, or the database refused a row."""


class CommitQueue:
    """Changes in the order in which they came. A batch at a time is taken from it and committed: by the committer's
    thread, or in the event loop by whoever has claimed that.

    `call` tells who commits that there is something; it may be called from any thread.
    """

    def __init__(self, mirrors: Mirrors, state: WriterState) -> None:
        self.mirrors = mirrors
        self.state = state
        self.wake = threading.Event()
        """Set: the thread is to commit."""
        self.committing = threading.Lock()
        """Held by whoever commits."""
        self.call: Callable[[], None] = self.wake.set
        self.on_commit: list[Callable[[set[int]], None]] = []
        self.on_batch: list[Callable[[int, float], None]] = []
        self.on_failure: list[Callable[[Failure], None]] = []
        self.locked = LockedStudies()
        self._forming = Batch()
        self._pending: dict[int, Batch] = {}

    def submit(self, change: Change) -> None:
        """Let a change join the forming batch. Under the lock."""
        batch = self._forming
        batch.add(change)
        self._pending[change.study.study_id] = batch
        if len(batch.changes) == 1:
            self.call()

    @property
    def forming(self) -> int:
        """How many changes wait to be committed with the next batch."""
        return len(self._forming.changes)

    @property
    def most_rows(self) -> int:
        """The rows of the largest change among those."""
        return max((len(change.rows) for change in self._forming.changes), default=0)

    def forming_of(self, study_ids: set[int]) -> list[Change]:
        """Those that wait of these studies. Under the lock."""
        return [change for change in self._forming.changes if change.study.study_id in study_ids]

    @property
    def pending(self) -> dict[int, Batch]:
        """The batch that the latest change of a study waits in, by the study's id. Under the lock."""
        return self._pending

    # Taking a batch

    def claim(self) -> bool:
        """Try to be the one that commits, until `yield_claim`; never waits. What the thread is woken for goes first."""
        return not self.wake.is_set() and self.committing.acquire(blocking=False)

    def yield_claim(self) -> None:
        """Let another commit. In the thread that has claimed it."""
        self.committing.release()

    def take(self) -> Batch:
        """The forming batch, which is about to be committed."""
        with self.mirrors.lock:
            batch, self._forming = self._forming, Batch()
        return batch

    # How a batch ends

    def settled(self, batch: Batch, begun: float) -> None:
        """The batch is on disk: answer it. `begun`: when committing it began, by the performance counter."""
        for observe in self.on_batch:
            observe(len(batch.changes), time.perf_counter() - begun)
        studies = {change.study.study_id for change in batch.changes}
        with self.mirrors.lock:
            for study_id in studies:
                if self._pending.get(study_id) is batch:
                    del self._pending[study_id]
        batch.end()
        self.tell_changed(studies)

    def tell_changed(self, study_ids: set[int]) -> None:
        """Tell those who watch that these studies have changed."""
        for notify in self.on_commit:
            notify(study_ids)

    def failed(self, batch: Batch, error: Exception) -> None:
        """Committing the batch without waiting has failed: leave it to the thread where waiting helps."""
        if isinstance(error, DatabaseBusy | RowsRefused):  # Change by change takes longer than a batch may.
            self.note_failure(error)
            batch.singly = isinstance(error, HeldUp | RowsRefused)
            self._put_back(batch)
            self.wake.set()
        else:
            self.lost(batch, error)

    def _put_back(self, batch: Batch) -> None:
        """Make a batch that was not committed the forming one again, before what has come since."""
        with self.mirrors.lock:
            since, self._forming = self._forming, batch
            batch.absorb(since)
            for change in since.changes:
                self._pending[change.study.study_id] = batch

    def lost(self, batch: Batch, error: Exception) -> None:
        """The batch cannot be committed: fail it, and all that was decided on top of it."""
        if not isinstance(error, StorageUnavailable):
            _log.error("a batch could not be committed", exc_info=error)
            error = StorageUnavailable(f"the change could not be committed ({error}); try again")
        self._tell_failure("lost")
        self.fail([batch], error)

    def note_failure(self, error: DatabaseBusy | RowsRefused) -> None:
        """A batch is tried again otherwise."""
        self._tell_failure(
            "held_up" if isinstance(error, HeldUp) else "refused" if isinstance(error, RowsRefused) else "busy"
        )

    def _tell_failure(self, why: Failure) -> None:
        for tell in self.on_failure:
            tell(why)

    def fail(self, batches: list[Batch], error: StorageUnavailable) -> None:
        """Fail `batches` and what is forming; throw all mirrors away, the database is the truth."""
        with self.mirrors.lock:
            forming, self._forming = self._forming, Batch()
            self._pending.clear()
            if self.state.name == "active":
                self.state.set("away", error)
            self.mirrors.drop_all()
        for batch in [*batches, forming]:
            for change in batch.changes:
                change.error = StorageUnavailable(str(error))
            batch.end()
