"""A database that one process at a time may write, and the connection that holds the right to."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, delete, event, insert, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.storage import tables
from service.storage.errors import StorageUnavailable, StorageUrlInvalid
from service.storage.statements import Row, Statements
from service.storage.writer_lock import AdvisoryLock, LockFile

DEPOSE_AFTER_SECONDS = 20.0
_BUSY_TIMEOUT_SECONDS = 10
_CONNECT_TIMEOUT_SECONDS = 5
_STATEMENT_TIMEOUT_MILLISECONDS = 30_000
_WAL_PAGES_AT_MOST = 100_000
"""Of 4 KiB: where the thread that carries the log over cannot keep up, a commit does it."""
_EXAMPLES = "sqlite:///lrtune.db or postgresql+psycopg://user:password@host/database"


def parse_url(text: str) -> URL:
    """The URL of a SQLite file or a PostgreSQL database. Raises StorageUrlInvalid."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise StorageUrlInvalid(f"the storage URL cannot be read; use {_EXAMPLES}") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        if url.drivername not in ("postgresql", "postgresql+psycopg"):
            raise StorageUrlInvalid(f"the storage URL asks for {url.drivername}; lrtune speaks postgresql+psycopg only")
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StorageUrlInvalid(f"lrtune stores in SQLite or PostgreSQL, not in {backend}; use {_EXAMPLES}")
    if not url.database or url.database == ":memory:":
        raise StorageUrlInvalid("the storage must outlast the service: name a file, as in sqlite:///lrtune.db")
    return url.set(drivername="sqlite")


class Database:
    """Reads from a pool; writes on one connection, the one that holds the writer lock.

    On PostgreSQL the lock is an advisory lock of that very connection, so a writer that has lost the lock cannot
    commit. A standby takes the lock from a writer that has been silent for `depose_after_seconds`. On SQLite it is a
    lock file beside the database, which the system frees when the process ends, and not before.
    """

    def __init__(self, url: str, *, shard: int = 0, depose_after_seconds: float = DEPOSE_AFTER_SECONDS) -> None:
        self._url = parse_url(url)
        self._using = threading.RLock()  # Of the connection that commits: one thread at a time.
        self.dialect: str = self._url.get_backend_name()
        self._statements = Statements(self.dialect)
        self._engine = _create_engine(self._url)
        self._writer: Connection | None = None
        self._patient = True
        sqlite = self.dialect == "sqlite"
        self._file_lock = LockFile(str(self._url.database)) if sqlite else None
        self._advisory_lock = None if sqlite else AdvisoryLock(self.shown_url, shard, depose_after_seconds)

    @property
    def url(self) -> str:
        """The URL with its password, for libraries that connect on their own."""
        return self._url.render_as_string(hide_password=False)

    @property
    def shown_url(self) -> str:
        """The URL for people: its password is hidden."""
        return self._url.render_as_string(hide_password=True)

    @property
    def holds_lock(self) -> bool:
        """Whether this process is the writer, as far as it knows."""
        return self._writer is not None

    def acquire(self) -> None:
        """Become the writer. Raises WriterBusy where another process is, StorageUnavailable where none can."""
        if self._writer is not None:
            return
        held = self._file_lock is not None and self._file_lock.held
        if self._file_lock is not None and not held:
            self._file_lock.take()
        connection: Connection | None = None
        try:
            connection = self._engine.connect()
            if self._advisory_lock is not None:
                self._advisory_lock.take(connection)
            else:
                connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint={_WAL_PAGES_AT_MOST}")
                connection.rollback()
        except BaseException as error:
            if connection is not None:
                _discard(connection)
            if not held:
                self._release_file()
            if isinstance(error, SQLAlchemyError):
                raise self._unavailable(error) from error
            raise
        self._writer = connection
        self._patient = True

    def disconnect(self) -> None:
        """Drop the connection that commits. On SQLite the lock file stays ours: nobody else can have written."""
        with self._using:
            writer, self._writer = self._writer, None
            if writer is not None:
                _discard(writer)

    def release(self) -> None:
        """Stop being the writer. Never raises: a broken connection gives the lock up by itself."""
        self.disconnect()
        self._release_file()

    def _release_file(self) -> None:
        if self._file_lock is not None:
            self._file_lock.give_up()

    def write(self, rows: Iterable[Row], *, patient: bool = True) -> None:
        """Write `rows` in one transaction; on return they are on disk.

        Raises RowsRefused where the database says that a row is wrong; then none is written and the lock is still
        held. Raises StorageUnavailable where the database does not answer; then the lock is given up. On SQLite, a
        `patient` writer waits for another process's transaction; else DatabaseBusy is raised, nothing written.
        """
        with self._using, self._writing() as writer:
            try:
                self._set_patience(writer, patient)
                with writer.begin():
                    self._statements.run(writer, rows)
            except Exception as error:
                if not patient and "database is locked" in str(error):
                    raise DatabaseBusy from error
                if _is_refusal(error) and not writer.closed and not writer.invalidated:
                    raise RowsRefused(_first_line(error)) from error
                raise

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection that commits, dropped where the database fails. Raises StorageUnavailable."""
        writer = self._writer
        if writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        try:
            yield writer
        except SQLAlchemyError as error:
            self.disconnect()
            raise self._unavailable(error) from error

    def _set_patience(self, writer: Connection, patient: bool) -> None:
        if self.dialect == "sqlite" and self._patient is not patient:
            milliseconds = _BUSY_TIMEOUT_SECONDS * 1000 if patient else 0
            writer.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
            writer.rollback()
            self._patient = patient

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction of any length on the connection that holds the lock; an exception takes all of it back.

        For upkeep, not for the service: on PostgreSQL no statement of it times out. Raises StorageUnavailable where
        the database does not answer; then the lock is given up.
        """
        writer = self._writer
        if writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        try:
            with writer.begin():
                if self.dialect == "postgresql":
                    writer.exec_driver_sql("SET LOCAL statement_timeout = 0")
                else:  # The driver begins by itself at the first row written, too late for a table.
                    writer.exec_driver_sql("BEGIN IMMEDIATE")
                yield writer
        except OperationalError as error:
            self.release()
            raise self._unavailable(error) from error

    def checkpoint(self) -> None:
        """On SQLite, carry what the write-ahead log holds into the database, beside readers and the writer.

        Done here by a thread: left to SQLite, it happens within some commit, and every request of that batch waits for
        the disk. Raises StorageUnavailable.
        """
        if self.dialect == "sqlite":
            with self.read() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def check_writer(self) -> None:
        """Raise StorageUnavailable where the connection that commits is dead. Tells the standbys that we are alive."""
        with self._using, self._writing() as writer, writer.begin():
            writer.execute(select(1))

    def probe(self) -> None:
        """Raise StorageUnavailable where the database takes no writes now: disk full, read-only, locked by others."""
        reports = tables.superseded_reports
        row = {"trial_id": -1, "lease_number": 0, "step": 0, "value_type": "FINITE"}
        with self._using, self._writing() as writer, writer.begin():
            writer.execute(insert(reports).values(row))
            writer.execute(delete(reports).where(reports.c.trial_id == -1))

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from, on a consistent snapshot. Raises StorageUnavailable."""
        try:
            with self._engine.connect() as connection:
                if self.dialect == "postgresql":
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            raise self._unavailable(error) from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose reads are all of one moment, on SQLite too. Raises StorageUnavailable."""
        with self.read() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection

    def ping(self) -> None:
        """Raise StorageUnavailable where the database does not answer."""
        with self.read() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Give up the lock and all connections."""
        self.release()
        self._engine.dispose()

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        return StorageUnavailable(f"the database {self.shown_url} does not answer: {_first_line(error)}")


class DatabaseBusy(Exception):
    """Another process is writing the database just now; nothing was written."""


class RowsRefused(Exception):
    """The database refused a row of the transaction; nothing of it was written."""


def _first_line(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _is_refusal(error: Exception) -> bool:
    if not isinstance(error, DBAPIError):
        return True
    if error.connection_invalidated:
        return False
    return type(error).__name__ in ("IntegrityError", "DataError", "ProgrammingError")


def _discard(connection: Connection) -> None:
    with contextlib.suppress(SQLAlchemyError):
        connection.invalidate()
    with contextlib.suppress(SQLAlchemyError):
        connection.close()


def _create_engine(url: URL) -> Engine:
    try:
        if url.get_backend_name() == "sqlite":
            engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_SECONDS})
            event.listen(engine, "connect", _set_up_sqlite)
            return engine
        return create_engine(
            url,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=10,
            pool_timeout=_BUSY_TIMEOUT_SECONDS,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
                "application_name": "lrtune",
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
                "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MILLISECONDS} -c synchronous_commit=on",
            },
        )
    except (NoSuchModuleError, ImportError) as error:
        raise StorageUrlInvalid(f"no driver for {url.drivername}: pip install 'lrtune[service]'") from error


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")
