"""The errors of the drivers, sqlite3 and psycopg, told by their classes and codes and said in our own.

What waits for another process's lock is DatabaseBusy, and HeldUp where that ended a transaction; what refuses a row is
RowsRefused, and RowsUnstorable where no try again can help; of all else the database is not there for us,
StorageUnavailable. SQLAlchemy wraps a driver's error (`orig`); our own layers may meet it bare. PostgreSQL's codes are
those of its manual's appendix A.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lrtune.service.storage.errors import StorageUnavailable

DRIVER_ERRORS = (sqlite3.Error, psycopg.Error)
DRIVERS_RAISE = (DBAPIError, PoolTimeout, *DRIVER_ERRORS)
"""What a driver raises, bare or wrapped, and the pool that has no connection left."""

_SQLITE_PRIMARY = 0xFF  # An extended code says more in its upper bits.
_UNSTORABLE_IN_SQLITE = (
    *(sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_CHECK),
    *(sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH),
)
_UNSTORABLE_IN_POSTGRES = ("22", "54", "23502", "23514")
"""Data exceptions, program limits (a text too long for its index), NULL where a value has to be, a failed CHECK."""
_HELD_UP_IN_POSTGRES = ("40", "55P03", "57014")
"""Deadlocks and serialization failures, a lock's time limit, a statement's."""
_COLLISIONS = (sqlite3.IntegrityError, psycopg.IntegrityError)
_NEVER_SENT = (OverflowError, UnicodeError, TypeError, ValueError)
"""What a driver raises for a value that it has no form for."""


class DatabaseBusy(Exception):
    """Another process is in the way just now; nothing was written."""


class HeldUp(DatabaseBusy):
    """A lock or a time limit ended the transaction; nothing of it was written, and the connection is as before."""


class RowsRefused(Exception):
    """The database refused a row of the transaction; nothing of it was written."""


class RowsUnstorable(RowsRefused):
    """A row holds what this database cannot store, however often it is tried; nothing was written."""


class Cause(Enum):
    """Why a database does not do what it is asked; the values are for people."""

    LOCKED = "is locked by another process"
    LIMITED = "took longer than its time limit"
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
    psycopg.errors.TransactionRollback: Cause.LOCKED,
    psycopg.errors.DeadlockDetected: Cause.LOCKED,
    psycopg.errors.SerializationFailure: Cause.LOCKED,
    psycopg.errors.QueryCanceled: Cause.LIMITED,
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
    driver = _driver_error(error)
    if driver is None:
        return is_unstorable(error) or not isinstance(error, SQLAlchemyError)
    return not _is_lost(error) and (isinstance(driver, _COLLISIONS) or is_unstorable(error))


def is_unstorable(error: Exception) -> bool:
    """Whether a row is to blame and always will be: it holds what the database has no place for."""
    driver = _driver_error(error)
    if driver is None:
        return isinstance(_bare(error), _NEVER_SENT)
    if _is_lost(error):
        return False
    if isinstance(driver, psycopg.Error):
        if driver.sqlstate is None:  # Raised here: the server was not asked.
            return isinstance(driver, psycopg.DataError | psycopg.ProgrammingError | psycopg.NotSupportedError)
        return driver.sqlstate.startswith(_UNSTORABLE_IN_POSTGRES)
    if isinstance(driver, sqlite3.DataError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return True
    return getattr(driver, "sqlite_errorcode", None) in _UNSTORABLE_IN_SQLITE


def is_held_up(error: Exception) -> bool:
    """Whether a lock or a time limit ended the transaction, and the connection is as before."""
    driver = _driver_error(error)
    if driver is None or _is_lost(error):
        return False
    if isinstance(driver, psycopg.Error):
        return (driver.sqlstate or "").startswith(_HELD_UP_IN_POSTGRES)
    return cause_of(error) is Cause.LOCKED


def nothing_written(error: Exception, *, patient: bool) -> DatabaseBusy | RowsRefused | None:
    """What to tell of a transaction that failed with this error and left the connection as before: HeldUp,
    DatabaseBusy, RowsUnstorable or RowsRefused. None where the database is not there for us.

    SQLite's lock is one for the whole database: a `patient` writer that has waited for it in vain cannot write at all.
    """
    if is_held_up(error):
        if isinstance(_driver_error(error), psycopg.Error):
            return HeldUp(first_line(error))
        return None if patient else DatabaseBusy(first_line(error))
    if is_unstorable(error):
        return RowsUnstorable(first_line(error))
    return RowsRefused(first_line(error)) if is_refusal(error) else None


def _is_lost(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _driver_error(error: BaseException) -> BaseException | None:
    """The driver's own error; None where it is of neither driver."""
    driver = _bare(error)
    return driver if isinstance(driver, DRIVER_ERRORS) else None


def _bare(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, StatementError) else error


def first_line(error: BaseException) -> str:
    """What the driver says, without the statement and its parameters that SQLAlchemy adds."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def unavailable(error: BaseException, shown_url: str) -> StorageUnavailable:
    """The error to tell of a database, by its URL without the password."""
    return StorageUnavailable(f"the database {shown_url} {cause_of(error).value}: {first_line(error)}")


@contextmanager
def told_as_unavailable(shown_url: str) -> Iterator[None]:
    """What the drivers raise within the block as StorageUnavailable."""
    try:
        yield
    except DRIVERS_RAISE as error:
        raise unavailable(error, shown_url) from error
