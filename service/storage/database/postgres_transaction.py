"""A batch's transaction, sent to PostgreSQL as a whole and answered as a whole."""

from collections.abc import Iterable
from typing import Any

import psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from lrtune.service.storage.database.postgres_pipeline import Pipeline
from lrtune.service.storage.sql.writing.conflicts import Check, NeighbourWrote
from lrtune.service.storage.sql.writing.statements import Row, Statements

_LIMIT_SECONDS = 60.0
_COMMIT, _ROLLBACK = b"COMMIT", b"ROLLBACK"
_COLLISION = "another process added a trial, or took the id or the waiting trial that was about to be taken"


class PostgresTransaction:
    """The rows, the conflict checks and the commit go out together.

    After `send`, call `advance` whenever the `socket` is readable (or writable, while `unsent`); or `wait`. Both raise
    what a check or the database objected to, all of it taken back by then; and DBAPIError, at once, where the
    connection is lost.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", pipeline: Pipeline, dialect: Dialect) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._dialect = dialect
        self._checks: list[Check] = []
        self._failure: Exception | None = None
        self.socket = -1
        """The descriptor to watch."""

    @property
    def unsent(self) -> bool:
        """Whether some of it waits for room in the socket."""
        return self._pipeline.unsent

    @property
    def limit_seconds(self) -> float:
        """A connection that does not answer for longer counts as lost; statements have a shorter limit of their own."""
        return _LIMIT_SECONDS

    def send(self, statements: Statements, rows: Iterable[Row], lock_seconds: float | None = None) -> None:
        """Send the rows; locks of others are waited for as long as `lock_seconds` says, or the connection.

        Raises DBAPIError where the connection is lost; what else fails, `advance` tells.
        """
        try:
            self.socket = self._pipeline.socket
            self._pipeline.begin()
            self._pipeline.send(b"BEGIN")
            if lock_seconds is not None:
                self._pipeline.send(b"SET LOCAL lock_timeout = %d" % max(1, round(1000 * lock_seconds)))
            try:
                self._checks = statements.run(self._pipeline.execute, rows)
            except Exception as error:
                self._failure = error
            self._pipeline.send(_COMMIT if self._failure is None else _ROLLBACK)
            self._pipeline.sync()
        except psycopg.Error as error:
            raise self._dbapi_error(error) from error

    def advance(self) -> bool:
        """Go on with what has arrived; whether all is committed."""
        try:
            return self._advance()
        except psycopg.Error as error:
            raise self._dbapi_error(error) from error

    def wait(self) -> None:
        """Advance to the end, blocking."""
        while not self.advance():
            try:
                self._pipeline.poll(_LIMIT_SECONDS)
            except psycopg.Error as error:
                raise self._dbapi_error(error) from error

    def _advance(self) -> bool:
        while True:
            try:
                if not self._pipeline.advance():
                    return False
                checks, self._checks = self._checks, []
                for check in checks:
                    check()
            except psycopg.errors.DivisionByZero:
                self._failure = self._failure or NeighbourWrote(_COLLISION)
            except Exception as error:
                if self._lost():
                    raise
                self._failure = self._failure or error
            if not self._pipeline.end():
                break
            self._pipeline.begin()
            self._failure = self._failure or RuntimeError("a batch was answered, but not committed")
            self._pipeline.send(_ROLLBACK)
            self._pipeline.sync()
        if self._failure is not None:
            raise self._failure
        return True

    def _lost(self) -> bool:
        return self._connection.closed or self._connection.broken

    def _dbapi_error(self, error: psycopg.Error) -> Exception:
        return DBAPIError.instance(
            None, None, error, psycopg.Error, connection_invalidated=self._lost(), dialect=self._dialect
        )
