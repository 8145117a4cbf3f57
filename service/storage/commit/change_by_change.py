"""Committing a batch change by change, so that only the changes which meet an obstacle fail.

An obstacle is of one study: a row that the database refuses, or one that another process's transaction has locked. What
was decided on top of a failed change fails with it, and that study is read anew; all others keep their mirrors.
"""

import logging
from collections.abc import Callable

from lrtune.service.storage.commit.batch import Batch, rows_of
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import DatabaseBusy, RowsRefused, RowsUnstorable
from lrtune.service.storage.errors import NotStorable, StorageError, StorageUnavailable
from lrtune.service.storage.sql.reading import studies
from lrtune.service.storage.sql.writing.statements import Op
from lrtune.service.storage.sql.writing.unstorable import unstorable_value

_log = logging.getLogger(__name__)

_LOCK_SECONDS = 0.15
"""How long a change waits for another process's lock."""
_LOCKS_SECONDS = 0.3
"""How long all changes of a batch do, one after the other: the rest of the studies waits with them."""
_LEAST_LOCK_SECONDS = 0.01


class ChangeByChange:
    """Commits batches that could not be committed whole.

    `on_refused` is told when the database refused a change: somebody else may have written.
    """

    def __init__(self, database: Database, queue: CommitQueue, *, on_refused: Callable[[], None]) -> None:
        self._database = database
        self._queue = queue
        self._on_refused = on_refused

    def commit(self, batch: Batch) -> None:
        """Commit what can be committed; each of the other changes has its error then.

        Raises StorageUnavailable where the database goes away meanwhile.
        """
        refused: dict[int, Change] = {}
        held_up: dict[int, Change] = {}
        for change in batch.changes:
            study = change.study
            if study.study_id in refused or study.study_id in held_up:
                change.error = _try_again(f"an earlier change of study {study.name} was not kept")
                continue
            try:
                self._database.write(rows_of([change]), patient=True, lock_seconds=_patience(len(held_up)))
            except RowsRefused as refusal:
                change.error = _refusal(change, refusal)
                refused[study.study_id] = change
            except DatabaseBusy as busy:
                change.error = _held_up(change, busy)
                held_up[study.study_id] = change
        with self._queue.mirrors.lock:
            for change in self._queue.forming_of({*refused, *held_up}):
                change.error = _try_again(f"study {change.study.name} changed meanwhile")
            for change in (*refused.values(), *held_up.values()):  # Under this lock: nobody builds on them any more.
                new = any(op is Op.INSERT_STUDY for op, _ in change.rows)
                self._queue.mirrors.take_back(change.study, exists=not new)
            for study_id in held_up:
                self._queue.locked.note(study_id)
        if refused:
            self._put_right(set(refused))

    def _put_right(self, refused: set[int]) -> None:
        """Some studies' changes were refused: know their names anew, and choose ids past those in use."""
        self._on_refused()
        with self._database.read() as connection:
            names = studies.study_names(connection)
            last_ids = studies.largest_ids(connection)
        mirrors = self._queue.mirrors
        with mirrors.lock:
            mirrors.put_right(refused, names, last_ids, in_use=self._queue.pending)


def _patience(met: int) -> float:
    """How long the next change waits for a lock, in seconds, where `met` studies were found locked before it."""
    return max(_LEAST_LOCK_SECONDS, min(_LOCK_SECONDS, _LOCKS_SECONDS - met * _LOCK_SECONDS))


def _refusal(change: Change, refusal: RowsRefused) -> StorageError:
    if not isinstance(refusal, RowsUnstorable):
        return _try_again(f"the database refused the change ({refusal})")
    found = unstorable_value(change.rows)
    what = f"{found}; " if found else ""
    _log.warning("a change of study %s cannot be stored: %s%s", change.study.name, what, refusal)
    return NotStorable(
        f"{what}the database cannot store this ({refusal}): nothing of the request is kept; send it with another value"
    )


def _held_up(change: Change, busy: DatabaseBusy) -> StorageError:
    name = change.study.name
    _log.warning("a change of study %s is held up by another process: %s", name, busy)
    return StorageUnavailable(
        f"study {name} is locked in the database by another process ({busy}): end that transaction, or try again"
    )


def _try_again(why: str) -> StorageUnavailable:
    return StorageUnavailable(f"{why}; try again", retry_after_seconds=0.1)
