"""The `with` block within which a change is made."""

from types import TracebackType

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.errors import StorageUnavailable, StudyElsewhere, StudyMissing
from lrtune.service.storage.memory.study import StudyMirror


class OpenChange:
    """`with OpenChange(queue, study) as change:` holds the mirrors' lock; then the change joins the forming batch.

    Entering raises StorageUnavailable where this process does not write now, StudyMissing where the study was deleted,
    StudyElsewhere where another process got it.
    A block that raises before it changed anything leaves nothing behind; one that raises later has the mirror thrown
    away. Every report opens one, thousands a second: hence a class with slots.
    """

    __slots__ = ("_change", "_queue")

    def __init__(self, queue: CommitQueue, study: StudyMirror) -> None:
        self._queue = queue
        self._change = Change(study)

    def __enter__(self) -> Change:
        queue, change = self._queue, self._change
        mirrors, study = queue.mirrors, change.study
        mirrors.lock.acquire()
        try:
            if queue.state.name != "active":
                queue.state.check_active()
            if study.deleted:
                raise StudyMissing(study.name)
            if not study.alive:
                if study.elsewhere:
                    raise StudyElsewhere(study.name)
                raise StorageUnavailable(f"study {study.name} is being read anew; try again", retry_after_seconds=0.1)
            change.now = mirrors.clock()
            change.elapsed = study.last_used = mirrors.elapsed()
        except BaseException:
            mirrors.lock.release()
            raise
        return change

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        queue, change = self._queue, self._change
        try:
            if change.rows:
                study = change.study
                if error is not None:
                    queue.mirrors.drop(study)
                else:
                    study.version += 1
                    study.updated_at = change.now
                    change.version = study.version
                    queue.submit(change)
        finally:
            queue.mirrors.lock.release()
