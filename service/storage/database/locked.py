"""The connection that may write a database: how a process comes by it, and loses it."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.storage.database import postgres_session
from lrtune.service.storage.database.connections import discard, parse_url
from lrtune.service.storage.database.postgres_pipeline import Pipeline
from lrtune.service.storage.database.readable import ReadableDatabase
from lrtune.service.storage.database.shard_locks import SharedLock
from lrtune.service.storage.database.sqlite_file import FileMoved, SqliteFile, carry_over_all
from lrtune.service.storage.database.writer_lock import AdvisoryLock
from lrtune.service.storage.errors import StorageUnavailable, StorageUrlInvalid

DEPOSE_AFTER_SECONDS = 20.0
_WAL_PAGES_AT_MOST = 100_000
"""Of 4 KiB: where the thread that carries the log over cannot keep up, a commit does it."""


class LockedDatabase(ReadableDatabase):
    """Holds the writer lock, and the one connection that may write.

    On PostgreSQL the lock is an advisory lock of that very connection, so a writer that has lost the lock cannot
    commit. A standby takes the lock from a writer that has been silent for `depose_after_seconds`. On SQLite it is a
    lock file beside the database, which the system frees when the process ends, and not before. `shared`: other
    processes write beside this one, on PostgreSQL; else StorageUrlInvalid is raised.
    """

    def __init__(
        self, url: str, *, shard: int = 0, depose_after_seconds: float = DEPOSE_AFTER_SECONDS, shared: bool = False
    ) -> None:
        super().__init__(url)
        self.depose_after_seconds = depose_after_seconds
        self._using = threading.RLock()  # Of the connection that commits: one thread at a time.
        self._writer: Connection | None = None
        self._pipeline: Pipeline | None = None
        self._patient = True
        self._file: SqliteFile | None = None
        self._advisory_lock: AdvisoryLock | None = None
        if self.dialect == "sqlite":
            named, real = str(parse_url(url).database), str(self._url.database)
            self._file = SqliteFile(Path(named).absolute(), Path(real))
        else:
            kind = SharedLock if shared else AdvisoryLock
            self._advisory_lock = kind(self.shown_url, shard, depose_after_seconds)
        if shared and self._advisory_lock is None:
            raise StorageUrlInvalid(
                "several processes can serve a PostgreSQL database, not a SQLite file: leave out --advertise and "
                "--processes (LRTUNE_ADVERTISE, LRTUNE_PROCESSES), or name a PostgreSQL database by --storage"
            )

    def acquire(self) -> None:
        """Become the writer. Raises WriterBusy where another process is, else StorageUnavailable."""
        if self._writer is not None:
            return
        held = self._file is not None and self._file.held
        if self._file is not None:
            self._file.take()
        connection: Connection | None = None
        try:
            self.check_suits()
            connection = self._engine.connect()
            if self._advisory_lock is not None:
                self._advisory_lock.take(connection)
            else:
                connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_WAL_PAGES_AT_MOST}")
                connection.rollback()
            if self._file is not None:
                self._file.opened()
                self._may_create = False
        except BaseException as error:
            if connection is not None:
                discard(connection)
            if not held:
                self._release_file()
            if isinstance(error, SQLAlchemyError):
                raise self.unavailable(error) from error
            raise
        self._writer = connection
        self._patient = True

    @property
    def shared(self) -> SharedLock | None:
        """The lock that lets others write beside this process; None where one process writes at a time."""
        return self._advisory_lock if isinstance(self._advisory_lock, SharedLock) else None

    def let_others_in(self) -> None:
        """The schema is right: other processes may join. Raises StorageUnavailable."""
        if self.shared is not None:
            with self._using, self._writing() as writer:
                self.shared.share(writer)

    def check_suits(self) -> None:
        """Raise StorageUnsuitable where PostgreSQL, a pooler before it, or SQLite's file cannot serve us."""
        if self._file is not None:
            self._file.check_suits()
        if self._advisory_lock is not None:
            with self.told_as_unavailable():
                postgres_session.check(self._engine)

    def _held(self) -> Connection:
        if self._writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        return self._writer

    def disconnect(self) -> None:
        """Drop the connection that commits. On SQLite the lock file stays ours: nobody else can have written."""
        with self._using:
            writer, self._writer = self._writer, None
            self._pipeline = None
            if writer is not None:
                discard(writer)

    def release(self) -> None:
        """Stop being the writer. Never raises: a broken connection gives the lock up by itself."""
        self.disconnect()
        self._release_file()

    def _release_file(self) -> None:
        if self._file is not None:
            self._file.give_up()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection that commits, dropped where the database fails. Raises StorageUnavailable."""
        writer = self._held()
        try:
            yield writer
        except StorageUnavailable as error:
            self._leave(writer, log_is_ours=isinstance(error, FileMoved) and error.log_is_ours)
            raise
        except SQLAlchemyError as error:
            self.disconnect()
            raise self.unavailable(error) from error

    def _check_place(self) -> None:
        if self._file is not None:
            self._file.check_place()

    def _check_file(self) -> None:
        """Raise where a SQLite file is not the one that was opened, or no longer ours alone."""
        if self._file is not None:
            self._file.check()

    def _leave(self, writer: Connection, *, log_is_ours: bool) -> None:
        """Let go of all connections: a file was moved. What is in its log belongs into it, wherever it is now, and
        must not be read into one that has taken its place."""
        if log_is_ours:
            carry_over_all(writer)
        self.disconnect()
        self._engine.dispose()
        self._release_file()
