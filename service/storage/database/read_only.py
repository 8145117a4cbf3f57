"""Looking at a database that may be in use, without changing it: no lock, no table, no file is made."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from lrtune.service.storage.database import shown as masks
from lrtune.service.storage.database.connections import connect_sqlite, parse_url, real_path
from lrtune.service.storage.database.driver_errors import told_as_unavailable
from lrtune.service.storage.database.readable import ReadableDatabase
from lrtune.service.storage.errors import StorageUnavailable

_BUSY_TIMEOUT_SECONDS = 10


def sqlite_path(url: str) -> Path | None:
    """The real path of a SQLite URL's file; None for PostgreSQL. Raises StorageUrlInvalid."""
    parsed = parse_url(url)
    return real_path(parsed) if parsed.get_backend_name() == "sqlite" else None


def shown(url: str) -> str:
    """The URL for people: its secrets are masked."""
    return masks.shown(parse_url(url))


def open_sqlite(path: Path) -> sqlite3.Connection:
    """An existing SQLite file, for reading. Raises StorageUnavailable where there is none."""
    if not path.is_file():
        raise StorageUnavailable(f"there is no database {path}: name the file that the service writes")
    connection = connect_sqlite(path, timeout=_BUSY_TIMEOUT_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    return connection


@contextlib.contextmanager
def read_only(url: str) -> Iterator[Connection]:
    """One snapshot of the whole database, to read from, beside a service that writes it. Raises StorageUnavailable."""
    path = sqlite_path(url)
    if path is None:
        with _read_only_postgres(url) as connection:
            yield connection
        return
    engine = create_engine("sqlite://", creator=lambda: open_sqlite(path), poolclass=NullPool)
    with told_as_unavailable(shown(url)), engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection


@contextlib.contextmanager
def _read_only_postgres(url: str) -> Iterator[Connection]:
    database = ReadableDatabase(url)
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            yield connection
    finally:
        database.close()
