"""The thread that makes this process the writer, keeps it the writer, and commits."""

import logging
import threading
import time
from collections.abc import Callable

from lrtune.service.storage.commit.committer import Committer
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.commit.writer_state import EngineState
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.pulse import Pulse
from lrtune.service.storage.engine.purge import Purge
from lrtune.service.storage.errors import SchemaMismatch, StorageError, StorageUnavailable, WriterBusy
from lrtune.service.storage.maintenance import upgrade
from lrtune.service.storage.sql.deleted import deleted_studies
from lrtune.service.storage.sql.reading import studies

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_PING_SECONDS = 2.0
_PURGE_SECONDS = 0.01
"""Between two transactions that remove rows of deleted studies: others commit meanwhile."""
_HUNG_SECONDS = 2.0
"""A loop that has not turned for so long serves nobody."""


class WriterThread:
    """One database's thread. `on_active` is told of the last trial id in use whenever this process becomes the writer,
    under the mirrors' lock. Where another process became the writer in place of this one, the thread tells `on_deposed`
    and ends; without that, it waits as standby. While the loop of `pulse` hangs, the thread says nothing to the
    database and does not become the writer: a standby is to take over."""

    def __init__(
        self,
        database: Database,
        queue: CommitQueue,
        committer: Committer,
        purge: Purge,
        pulse: Pulse,
        *,
        idle_seconds: float,
        on_active: Callable[[int], None],
        on_deposed: Callable[[str], None] | None,
    ) -> None:
        self._database = database
        self._queue = queue
        self._committer = committer
        self._purge = purge
        self._pulse = pulse
        self._hung = False
        self._mirrors, self._state = queue.mirrors, queue.state
        self._idle_seconds = idle_seconds
        self._on_active = on_active
        self._on_deposed = on_deposed
        self._closing = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-committer", daemon=True)

    def start(self) -> None:
        """Start it; it takes the lock, upgrades the schema and goes active."""
        self._thread.start()

    def wait_tried(self, timeout_seconds: float) -> None:
        """Wait for the first try to become the writer. Raises StorageUnavailable where it takes longer."""
        if not self._tried.wait(timeout_seconds):
            raise StorageUnavailable(f"the database did not answer within {timeout_seconds:.0f} s")

    def close(self) -> None:
        """Commit what is pending, give the lock up and end. Waits at most 30 s."""
        self._closing.set()
        self._queue.wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30.0)

    def _run(self) -> None:
        last_ping = time.monotonic()
        while True:
            closing = self._closing.is_set()
            if self._state.name != "active" and not closing and not self._loop_hangs():
                self._try_to_activate()
            if self._state.name == "active":
                if not closing:
                    busy = self._purge.due or self._mirrors.has_leftovers
                    self._queue.wake.wait(_PURGE_SECONDS if busy else _RETRY_SECONDS)
                self._mirrors.free_some()
                if self._purge.due and not closing:
                    self._remove_some()  # Before the wake is cleared: meanwhile the loop leaves its batches to us.
                self._queue.wake.clear()
                self._check_file()
                if closing or not self._loop_hangs():  # A commit, too, is a sign of life.
                    self._commit()
                if time.monotonic() - last_ping > _PING_SECONDS:
                    last_ping = time.monotonic()
                    self._checkpoint()
                    self._check_connection()
                    self._drop_idle()
            elif not closing:
                self._closing.wait(_RETRY_SECONDS)
            if closing:
                break
        self._end()

    def _commit(self) -> None:
        try:
            self._committer.commit()
        except Exception:  # Of who is told of commits. This thread must not end: nothing would be committed any more.
            _log.exception("after a commit")

    def _check_file(self) -> None:
        """Notice that a SQLite file is not the one that was opened, while nothing is written."""
        try:
            self._database.check_file()
        except StorageUnavailable as error:
            self._queue.fail([], error)

    def _checkpoint(self) -> None:
        try:
            self._database.checkpoint()
        except StorageUnavailable as error:
            _log.warning("the write-ahead log was not carried over: %s", error)

    def _check_connection(self) -> None:
        """Notice a dead connection while nothing is written, and tell the standbys that this process serves."""
        if self._loop_hangs():
            return
        try:
            with self._committer.resting():
                self._database.check_writer()
        except StorageUnavailable as error:
            self._queue.fail([], error)

    def _remove_some(self) -> None:
        try:
            self._purge.step()
        except StorageUnavailable as error:
            self._queue.fail([], error)
        except Exception:
            _log.exception("removing a deleted study failed once")

    def _loop_hangs(self) -> bool:
        silent = self._pulse.silent_seconds
        hung, self._hung = self._hung, silent > _HUNG_SECONDS
        if self._hung and not hung:
            serves = "a standby may take over" if self._database.dialect == "postgresql" else "nobody is served"
            _log.warning("the event loop has not turned for %.0f s: %s until it does", silent, serves)
        return self._hung

    def _drop_idle(self) -> None:
        with self._mirrors.lock:
            self._mirrors.drop_idle(self._idle_seconds, in_use=self._queue.pending)

    def _end(self) -> None:
        """Answer what is pending and give the lock up."""
        with self._mirrors.lock:
            self._state.name = "closed"
        self._queue.fail([], StorageUnavailable("the service is shutting down; try again"))
        self._database.release()

    # Becoming the writer

    def _try_to_activate(self) -> None:
        was_active = self._mirrors.generation > 0
        try:
            names, last_ids, deleted = self._take_over(was_active)
        except StorageError as error:
            self._note("standby" if isinstance(error, WriterBusy) else "away", error)
            if isinstance(error, WriterBusy) and was_active:
                self._note_deposed()
        except Exception as error:
            _log.exception("cannot become the writer")
            self._note("away", StorageUnavailable(self._database.concealed(f"cannot open the storage: {error}")))
        else:
            with self._mirrors.lock:
                self._mirrors.begin(names, last_ids)
                self._purge.begin([] if self._mirrors.shards.divided else deleted)
                self._on_active(last_ids[1])
                self._state.set("active", None)
        self._tried.set()

    def _take_over(self, was_active: bool) -> tuple[dict[str, int], tuple[int, int], list[int]]:
        """Take the lock and upgrade the schema; the studies' ids by name, the last ids in use, and the ids of deleted
        studies. Raises StorageError, the lock given up but on SQLite, where `was_active`."""
        if self._mirrors.shards.divided:
            self._database.disconnect()  # Locks of shards that we have given up in memory may be on the connection.
        self._database.acquire()
        try:
            self._set_schema_right()
            self._database.let_others_in()
            self._database.probe()  # By writing: what a writer before us has committed until now is read below.
            with self._database.read() as connection:
                names = studies.study_names(connection)
                last_ids = studies.largest_ids(connection)
                deleted = deleted_studies(connection)
        except BaseException as error:
            if was_active and isinstance(error, StorageUnavailable):
                self._database.disconnect()
            else:
                self._database.release()
            raise
        return {name: study_id for study_id, name in names.items()}, last_ids, deleted

    def _set_schema_right(self) -> None:
        shared = self._database.shared
        if shared is None or shared.alone:
            upgrade.upgrade(self._database)
            return
        upgrade.refuse_foreign(self._database)
        if not upgrade.is_current(self._database):
            raise SchemaMismatch(
                f"{self._database.shown_url} is served by processes of an older lrtune: stop all of them, then start "
                "this one, which upgrades the schema"
            )

    def _note(self, state: EngineState, failure: StorageError) -> None:
        with self._mirrors.lock:
            self._state.set(state, failure)

    def _note_deposed(self) -> None:
        """Another process took the lock while this one was stopped or cut off. Its owner decides what follows; without
        one, it waits as standby."""
        if self._on_deposed is not None:
            self._closing.set()
            taken = self._database.shown_url
            self._on_deposed(
                f"another lrtune process has taken {taken} over while this one was stopped or cut off; this one ends: "
                "start it again, and it waits as standby"
            )
