"""The errors of the drivers, sqlite3 and psycopg, told by their classes and codes and said in our own.

What waits for another process's lock is DatabaseBusy; what refuses a row is RowsRefused; of all else the database is
not there for us, StorageUnavailable. SQLAlchemy wraps a driver's error (`orig`); our own layers may meet it bare.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lrtune.service.storage.errors import StorageUnavailable

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)

_SQLITE_PRIMARY = 0xFF  # An extended code says more in its upper bits.
_REFUSALS = (
    *(sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError),
    *(psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError),
)


class DatabaseBusy(Exception):
    """Another process is writing the database just now; nothing was written."""


class RowsRefused(Exception):
    """The database refused a row of the transaction; nothing of it was written."""


class Cause(Enum):
    """Why a database does not do what it is asked; the values are for people."""

    LOCKED = "is locked by another process"
    FULL = "has no room left on its disk"
    READ_ONLY = "takes no writes"
    DAMAGED = "is damaged, or is no database"
    AWAY = "does not answer"


_OF_SQLITE = {
    sqlite3.SQLITE_BUSY: Cause.LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.LOCKED,
    sqlite3.SQLITE_FULL: Cause.FULL,
    sqlite3.SQLITE_READONLY: Cause.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Cause.DAMAGED,
    sqlite3.SQLITE_NOTADB: Cause.DAMAGED,
}
_OF_POSTGRES: dict[type[psycopg.Error], Cause] = {
    psycopg.errors.LockNotAvailable: Cause.LOCKED,
    psycopg.errors.DiskFull: Cause.FULL,
    psycopg.errors.ReadOnlySqlTransaction: Cause.READ_ONLY,
}


def cause_of(error: BaseException) -> Cause:
    """Why, as far as the driver tells; AWAY where it does not."""
    driver = _driver_error(error)
    if isinstance(driver, sqlite3.Error):
        code = getattr(driver, "sqlite_errorcode", None)  # There only where SQLite itself raised it.
        return Cause.AWAY if code is None else _OF_SQLITE.get(code & _SQLITE_PRIMARY, Cause.AWAY)
    return next((cause for kind, cause in _OF_POSTGRES.items() if isinstance(driver, kind)), Cause.AWAY)


def is_refusal(error: Exception) -> bool:
    """Whether a row is to blame: the database refused it, or it could not even be sent. The connection is as before."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return False
    driver = _driver_error(error)
    return driver is None or isinstance(driver, _REFUSALS)


def _driver_error(error: BaseException) -> BaseException | None:
    """The driver's own error; None where it is of neither driver."""
    driver = error.orig if isinstance(error, DBAPIError) else error
    return driver if isinstance(driver, DRIVER_ERRORS) else None


def first_line(error: BaseException) -> str:
    """What the driver says, without the statement and its parameters that SQLAlchemy adds."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def unavailable(error: BaseException, shown_url: str) -> StorageUnavailable:
    """The error to tell of a database, by its URL without the password."""
    return StorageUnavailable(f"the database {shown_url} {cause_of(error).value}: {first_line(error)}")


@contextmanager
def told_as_unavailable(shown_url: str) -> Iterator[None]:
    """What the drivers raise within the block, or the pool that has no connection left, as StorageUnavailable."""
    try:
        yield
    except (DBAPIError, PoolTimeout, *DRIVER_ERRORS) as error:
        raise unavailable(error, shown_url) from error
