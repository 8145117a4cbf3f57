"""How databases are named, and connected to."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from lrtune.service.storage.database import postgres_session
from lrtune.service.storage.errors import StorageUrlInvalid

BUSY_TIMEOUT_SECONDS = 10
PASSWORD_FILE = "password_file"
"""A parameter of our own in a storage URL."""
_CONNECT_TIMEOUT_SECONDS = 5
_EXAMPLES = "a file, lrtune.db say, sqlite:///lrtune.db or postgresql://user:password@host/database"
_LOCAL = "local"
MEMORY = ":memory:"
"""What SQLite calls a database that is no file."""
MUST_OUTLAST = "the storage must outlast the service: name a file, as in sqlite:///lrtune.db"
_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".backup")


def parse_url(text: str) -> URL:
    """The URL of a SQLite file or a PostgreSQL database, which are named by a file's path, `local:FILE` or a URL.

    >>> str(parse_url("runs/mine.db"))
    'sqlite:///runs/mine.db'

    Raises StorageUrlInvalid.
    """
    file = _file_of(text)
    if file == MEMORY:
        raise StorageUrlInvalid(MUST_OUTLAST)
    if file is not None:
        return URL.create("sqlite", database=str(Path(file).expanduser()))
    try:
        url = make_url(re.sub(r"^postgres://", "postgresql://", text))
    except ArgumentError:
        raise StorageUrlInvalid(f"the storage URL cannot be read; use {_EXAMPLES}") from None
    backend = url.get_backend_name()
    if backend == "postgresql":
        if url.drivername not in ("postgresql", "postgresql+psycopg"):
            raise StorageUrlInvalid(f"the storage URL asks for {url.drivername}; lrtune speaks postgresql+psycopg only")
        return _with_password(url.set(drivername="postgresql+psycopg"))
    if backend != "sqlite":
        raise StorageUrlInvalid(f"lrtune stores in SQLite or PostgreSQL, not in {backend}; use {_EXAMPLES}")
    if not url.database or url.database == MEMORY:
        raise StorageUrlInvalid(MUST_OUTLAST)
    if url.database.startswith("file:") or "uri" in url.query:
        raise StorageUrlInvalid("name the file by its path, as in sqlite:///lrtune.db, not by a URI of its own")
    return url.set(drivername="sqlite")


def _file_of(text: str) -> str | None:
    """The file that a name without a scheme means; None for a URL, and for what may be a slip of the pen."""
    if text == _LOCAL:
        return "lrtune.db"
    if text.startswith(f"{_LOCAL}:"):
        return text.removeprefix(f"{_LOCAL}:") or None
    if ":" in text:
        return None
    return text if text.endswith(_SUFFIXES) or os.sep in text or os.path.isfile(text) else None


def _with_password(url: URL) -> URL:
    """The password from the file that `?password_file=` names, as containers are given secrets; a line end after it is
    not part of it. Raises StorageUrlInvalid."""
    named = url.query.get(PASSWORD_FILE)
    if named is None:
        return url
    if not isinstance(named, str) or url.password is not None:
        raise StorageUrlInvalid(
            f"the storage URL has more than one password: leave it in the file of ?{PASSWORD_FILE}="
        )
    try:
        password = Path(named).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise StorageUrlInvalid(
            f"the file {named}, which the storage URL names by ?{PASSWORD_FILE}=, cannot be read: {why}; let the user "
            "that runs lrtune read it"
        ) from None
    if not password:
        raise StorageUrlInvalid(
            f"the file {named}, which ?{PASSWORD_FILE}= names, is empty: write the password into it"
        )
    return url.difference_update_query([PASSWORD_FILE]).set(password=password)


def discard(connection: Connection) -> None:
    """Close a connection and have it never used again. Never raises."""
    with contextlib.suppress(SQLAlchemyError):
        connection.invalidate()
    with contextlib.suppress(SQLAlchemyError):
        connection.close()


def real_path(url: URL) -> Path:
    """Where the file of a SQLite URL really lies: links followed."""
    return Path(os.path.realpath(url.database or ""))


def connect_sqlite(path: Path, *, create: bool = False, **options: Any) -> sqlite3.Connection:
    """Connect to a SQLite file; one that is not there is made only where `create` says so."""
    # mode=rw, not ro: the last reader to leave may have to tidy up the write-ahead log.
    uri = f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"
    connection: sqlite3.Connection = sqlite3.connect(uri, uri=True, **options)
    return connection


def new_sqlite(url: URL, may_create: Callable[[], bool]) -> Engine:
    """SQLAlchemy's engine for a SQLite file, which connects when it is first used; `may_create` is asked each time."""
    path = real_path(url)
    engine = create_engine(url.set(database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_SECONDS})

    def connect(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> sqlite3.Connection:
        return connect_sqlite(path, create=may_create(), **options)

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def new_postgres(url: URL) -> Engine:
    """SQLAlchemy's engine for PostgreSQL, which connects when it is first used. Raises StorageUrlInvalid."""
    try:
        engine = create_engine(
            url,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=10,
            pool_timeout=BUSY_TIMEOUT_SECONDS,
            connect_args={
                "connect_timeout": _CONNECT_TIMEOUT_SECONDS,
                "application_name": "lrtune",
                "client_encoding": "utf8",
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
            },
        )
    except (NoSuchModuleError, ImportError) as error:
        raise StorageUrlInvalid(f"no driver for {url.drivername}: pip install 'lrtune[service]'") from error
    event.listen(engine, "connect", postgres_session.set_up)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def raw_postgres(connection: Connection) -> "psycopg.Connection[Any]":
    """The driver's connection to PostgreSQL."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw
