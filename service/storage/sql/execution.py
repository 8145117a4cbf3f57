"""How a batch's statements are run: one by one on SQLite's connection, or through a pipeline to PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ClauseElement, Connection
from sqlalchemy.dialects import postgresql, sqlite

Rows = dict[str, Any] | list[dict[str, Any]]


@dataclass
class Answer:
    """What a statement answered: the rows it read, of integers, and how many it wrote.

    On PostgreSQL it is there once the pipeline has been answered, not before.
    """

    rows: list[tuple[int, ...]] = field(default_factory=list)
    written: int = 0


Execute = Callable[[str, Rows], Answer]
"""Runs a statement with one row of parameters, or with each of several."""


def statement_text(statement: ClauseElement, dialect: str) -> str:
    """A statement as the driver of `sqlite` or `postgresql` takes it, its parameters by their names."""
    if dialect == "postgresql":
        return str(statement.compile(dialect=postgresql.psycopg.dialect()))  # type: ignore[no-untyped-call]
    return str(statement.compile(dialect=sqlite.pysqlite.dialect(paramstyle="named")))


def execute_on(connection: Connection) -> Execute:
    """How to run statements one by one on a connection whose transaction is open."""

    def execute(text: str, rows: Rows) -> Answer:
        result = connection.exec_driver_sql(text, rows)
        if result.returns_rows:
            return Answer(rows=[tuple(row) for row in result.fetchall()])
        return Answer(written=result.rowcount)

    return execute
