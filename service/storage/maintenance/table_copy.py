"""Whole tables, moved between PostgreSQL and SQLite as they are, a few thousand rows at a time.

Rows travel as the drivers give them, past SQLAlchemy: names of enumerations as text, times as PostgreSQL or SQLite
write them, floats bit by bit.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, inspect

from lrtune.service.storage.schema import optuna_tables, tables

_CHUNK = 5_000
_COPY_CHUNKS = 10
"""How many chunks go into one COPY: a long one would look like a writer that hangs."""

VERSION_TABLES = (optuna_tables.VERSION_TABLE, tables.VERSION_TABLE)
CONTENT = (
    *(table.name for table in optuna_tables.all_tables),
    *(table.name for table in tables.metadata.sorted_tables if table is not tables.processes),
)
"""All tables but Alembic's and that of running processes, parents before children."""

Rows = Iterator[list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Shape:
    """A table's columns, and those its primary key has."""

    name: str
    columns: Sequence[str]
    key: Sequence[str]

    @property
    def select(self) -> str:
        """The query for all rows, in the order of the key."""
        order = f" ORDER BY {_quoted(self.key)}" if self.key else ""
        return f'SELECT {_quoted(self.columns)} FROM "{self.name}"{order}'


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def shape_in_sqlite(database: sqlite3.Connection, name: str) -> Shape | None:
    """The shape of a table in a SQLite file; None where it is not there."""
    found = database.execute(f'PRAGMA table_info("{name}")').fetchall()
    keyed = sorted((column[5], column[1]) for column in found if column[5])
    return Shape(name, [column[1] for column in found], [name for _, name in keyed]) if found else None


Copied = Callable[[int, int | None], object]
"""Told how many rows have been copied by now, and how many there are; None where that would take a scan of its own."""


class Counted:
    """Tells of the rows of all tables as they pass."""

    def __init__(self, copied: Copied | None, of: int | None) -> None:
        self._copied = copied
        self._of = of
        self._rows = 0

    def passing(self, chunks: Rows) -> Rows:
        """The same rows."""
        for rows in chunks:
            yield rows
            self._rows += len(rows)
            if self._copied is not None:
                self._copied(self._rows, self._of)


def rows_in_sqlite(database: sqlite3.Connection) -> int:
    """How many rows all tables of a SQLite file have together."""
    there = [name for name in CONTENT if shape_in_sqlite(database, name) is not None]
    return sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in there)


def read_sqlite(database: sqlite3.Connection, shape: Shape) -> Rows:
    """All rows of a table of a SQLite file."""
    cursor = database.execute(shape.select)
    while rows := cursor.fetchmany(_CHUNK):
        yield rows


def read_postgres(connection: Connection, shape: Shape) -> Rows:
    """All rows of a table, as SQLite stores them; in the connection's transaction, by a cursor on the server."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor(name="lrtune_backup") as cursor:
        cursor.execute(shape.select)
        while rows := cursor.fetchmany(_CHUNK):
            yield [tuple(_as_sqlite(value) for value in row) for row in rows]


def _as_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return int(value) if isinstance(value, bool) else value


def write_sqlite(database: sqlite3.Connection, shape: Shape, chunks: Rows) -> int:
    """Write rows into a table of a SQLite database, in its transaction; return how many."""
    places = ", ".join("?" * len(shape.columns))
    statement = f'INSERT INTO "{shape.name}" ({_quoted(shape.columns)}) VALUES ({places})'
    count = 0
    for rows in chunks:
        database.executemany(statement, rows)
        count += len(rows)
    return count


def write_postgres(connection: Connection, shape: Shape, chunks: Rows) -> int:
    """Write rows, in SQLite's form, into a table of PostgreSQL, in the connection's transaction; return how many."""
    driver: Any = connection.connection.driver_connection
    statement = f'COPY "{shape.name}" ({_quoted(shape.columns)}) FROM STDIN'
    count, more = 0, True
    while more:
        more = False
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for number, rows in enumerate(chunks, 1):
                for row in rows:
                    copy.write_row(row)
                count += len(rows)
                if number == _COPY_CHUNKS:
                    more = True
                    break
    return count


def set_sequences(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that are there."""
    inspector = inspect(connection)
    for name in CONTENT:
        for column in inspector.get_pk_constraint(name)["constrained_columns"]:
            arguments = {"table": f'"{name}"', "column": column}
            sequence = connection.exec_driver_sql(
                "SELECT pg_get_serial_sequence(%(table)s, %(column)s)", arguments
            ).scalar()
            if sequence is not None:
                connection.exec_driver_sql(
                    f'SELECT setval(%(sequence)s, max("{column}")) FROM "{name}" HAVING max("{column}") IS NOT NULL',
                    {"sequence": sequence},
                )
