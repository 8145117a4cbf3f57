"""Running a batch's statements through the driver: on PostgreSQL all of them in one round trip."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import psycopg
from sqlalchemy import ClauseElement, Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError


class Fetched(Protocol):
    """What a statement answered. On PostgreSQL it is there once the block of `driving` has ended, not before."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote."""

    def fetchall(self) -> Sequence[Any]:
        """The rows it read."""


Rows = dict[str, Any] | list[dict[str, Any]]
Execute = Callable[[str, Rows], Fetched]
"""Runs a statement with one row of parameters, or with each of several."""


def driver_text(statement: ClauseElement, dialect: str) -> str:
    """The text of a statement that the driver of `sqlite` or `postgresql` takes, its parameters by their names."""
    if dialect == "postgresql":
        return str(statement.compile(dialect=postgresql.psycopg.dialect()))  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=sqlite.pysqlite.dialect(paramstyle="named")))


@contextlib.contextmanager
def driving(connection: Connection) -> Iterator[Execute]:
    """How to run statements on a connection whose transaction is open; at the end of the block all have run.

    On PostgreSQL they travel together: each round trip costs a change of threads, and the interpreter lock with it.
    Raises DBAPIError.
    """
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        yield connection.exec_driver_sql
        return

    def execute(text: str, rows: Rows) -> Fetched:
        cursor = raw.cursor()
        if isinstance(rows, list):
            cursor.executemany(text, rows)
        else:
            cursor.execute(text, rows)
        return cursor

    try:
        with raw.pipeline():
            yield execute
    except psycopg.Error as error:
        lost = raw.closed or raw.broken
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, connection_invalidated=lost, dialect=connection.dialect
        ) from error
