"""A database that one process at a time may write, and the connection that holds the right to."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from service.storage.errors import StorageUnavailable, StorageUrlInvalid, WriterBusy
from service.storage.statements import Row, Statements

_LOCK_CLASS = 0x6C727475  # "lrtu": keeps our advisory locks apart from other programs'.
_BUSY_TIMEOUT_SECONDS = 10
_CONNECT_TIMEOUT_SECONDS = 5
_STATEMENT_TIMEOUT_MILLISECONDS = 30_000
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
    commit. On SQLite it is a lock file beside the database, which the system frees when the process ends.
    """

    def __init__(self, url: str, *, shard: int = 0) -> None:
        self._url = parse_url(url)
        self._shard = shard
        self.dialect: str = self._url.get_backend_name()
        self._statements = Statements(self.dialect)
        self._engine = _create_engine(self._url)
        self._writer: Connection | None = None
        self._file_lock: FileLock | None = None
        if self.dialect == "sqlite":
            self._file_lock = FileLock(f"{self._url.database}.lock", thread_local=False)

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
        if self._file_lock is not None:
            self._acquire_file()
        connection: Connection | None = None
        try:
            connection = self._engine.connect()
            if self.dialect == "postgresql":
                self._acquire_advisory(connection)
        except BaseException as error:
            if connection is not None:
                _discard(connection)
            self._release_file()
            if isinstance(error, SQLAlchemyError):
                raise self._unavailable(error) from error
            raise
        self._writer = connection

    def _acquire_file(self) -> None:
        lock = self._file_lock
        assert lock is not None
        folder = Path(lock.lock_file).absolute().parent
        if not folder.is_dir():  # The lock would create it.
            raise StorageUnavailable(f"the folder {folder} does not exist: create it, or name another file")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise WriterBusy(f"another lrtune process writes {self._url.database}; this one waits as standby") from None
        except OSError as error:
            raise StorageUnavailable(
                f"cannot create {lock.lock_file}: {error.strerror}; check that the folder exists and is writable"
            ) from error

    def _acquire_advisory(self, connection: Connection) -> None:
        granted = connection.execute(select(func.pg_try_advisory_lock(_LOCK_CLASS, self._shard))).scalar()
        connection.commit()
        if not granted:
            raise WriterBusy(f"another lrtune process writes {self.shown_url}; this one waits as standby")

    def release(self) -> None:
        """Stop being the writer. Never raises: a broken connection gives the lock up by itself."""
        writer, self._writer = self._writer, None
        if writer is not None:
            _discard(writer)
        self._release_file()

    def _release_file(self) -> None:
        if self._file_lock is not None:
            self._file_lock.release()

    def write(self, rows: Iterable[Row]) -> None:
        """Write `rows` in one transaction; on return they are on disk.

        Raises RowsRefused where the database says that a row is wrong; then none is written and the lock is still
        held. Raises StorageUnavailable where the database does not answer; then the lock is given up.
        """
        writer = self._writer
        if writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        try:
            with writer.begin():
                self._statements.run(writer, rows)
        except SQLAlchemyError as error:
            if _is_refusal(error) and not writer.closed and not writer.invalidated:
                raise RowsRefused(str(getattr(error, "orig", error))) from error
            self.release()
            raise self._unavailable(error) from error

    def check_writer(self) -> None:
        """Raise StorageUnavailable, and give the lock up, where the connection that commits is dead."""
        writer = self._writer
        if writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        try:
            with writer.begin():
                writer.execute(select(1))
        except SQLAlchemyError as error:
            self.release()
            raise self._unavailable(error) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from, on a consistent snapshot. Raises StorageUnavailable."""
        try:
            with self._engine.connect() as connection:
                if self.dialect == "postgresql":
                    connection = connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection
        except DBAPIError as error:
            raise self._unavailable(error) from error

    def ping(self) -> None:
        """Raise StorageUnavailable where the database does not answer."""
        with self.read() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Give up the lock and all connections."""
        self.release()
        self._engine.dispose()

    def _unavailable(self, error: Exception) -> StorageUnavailable:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()
        first = reason[0] if reason else type(error).__name__
        return StorageUnavailable(f"the database {self.shown_url} does not answer: {first}")


class RowsRefused(Exception):
    """The database refused a row of the transaction; nothing of it was written."""


def _is_refusal(error: SQLAlchemyError) -> bool:
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
