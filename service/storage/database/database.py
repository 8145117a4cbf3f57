"""A database that one process at a time may write, and the connection that holds the right to."""

import contextlib
import threading
from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lrtune.service.storage.database.connections import BUSY_TIMEOUT_SECONDS, discard, raw_postgres
from lrtune.service.storage.database.driver_errors import (
    Cause,
    DatabaseBusy,
    RowsRefused,
    cause_of,
    first_line,
    is_refusal,
    unavailable,
)
from lrtune.service.storage.database.postgres_pipeline import Pipeline
from lrtune.service.storage.database.postgres_transaction import PostgresTransaction
from lrtune.service.storage.database.readable import ReadableDatabase
from lrtune.service.storage.database.writer_lock import AdvisoryLock, LockFile
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.schema import tables
from lrtune.service.storage.sql.execution import execute_on
from lrtune.service.storage.sql.statements import Row, Statements

DEPOSE_AFTER_SECONDS = 20.0
_WAL_PAGES_AT_MOST = 100_000
"""Of 4 KiB: where the thread that carries the log over cannot keep up, a commit does it."""


class Database(ReadableDatabase):
    """Writes on one connection, the one that holds the writer lock.

    On PostgreSQL the lock is an advisory lock of that very connection, so a writer that has lost the lock cannot
    commit. A standby takes the lock from a writer that has been silent for `depose_after_seconds`. On SQLite it is a
    lock file beside the database, which the system frees when the process ends, and not before.
    """

    def __init__(self, url: str, *, shard: int = 0, depose_after_seconds: float = DEPOSE_AFTER_SECONDS) -> None:
        super().__init__(url)
        self._using = threading.RLock()  # Of the connection that commits: one thread at a time.
        self._statements = Statements(self.dialect)
        self._writer: Connection | None = None
        self._pipeline: Pipeline | None = None
        self._patient = True
        sqlite = self.dialect == "sqlite"
        self._file_lock = LockFile(str(self._url.database)) if sqlite else None
        self._advisory_lock = None if sqlite else AdvisoryLock(self.shown_url, shard, depose_after_seconds)

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
                discard(connection)
            if not held:
                self._release_file()
            if isinstance(error, SQLAlchemyError):
                raise unavailable(error, self.shown_url) from error
            raise
        self._writer = connection
        self._patient = True

    def _held(self) -> Connection:
        if self._writer is None:
            raise StorageUnavailable(f"this process does not write {self.shown_url} now; try again")
        return self._writer

    def disconnect(self) -> None:
        """Drop the connection that commits. On SQLite the lock file stays ours: nobody else can have written."""
        with self._using:
            writer, self._writer = self._writer, None
            self._pipeline = None
            if writer is not None:
                discard(writer)

    def release(self) -> None:
        """Stop being the writer. Never raises: a broken connection gives the lock up by itself."""
        self.disconnect()
        self._release_file()

    def _release_file(self) -> None:
        if self._file_lock is not None:
            self._file_lock.give_up()

    # Writing a batch

    def write(self, rows: Iterable[Row], *, patient: bool = True) -> None:
        """Write `rows` in one transaction; on return they are on disk.

        Raises RowsRefused where the database says that a row is wrong; then none is written and the lock is still
        held. Raises StorageUnavailable where the database does not answer; then the lock is given up, and the rows may
        be on disk all the same where only the answer was lost. On SQLite, a `patient` writer waits for another
        process's transaction; else DatabaseBusy is raised, nothing written.
        """
        with self._using, self._writing() as writer, self._refusing(writer, patient):
            if self.dialect == "postgresql":
                if not self._statements.reserved.known:
                    with writer.begin():
                        self._statements.reserved.look(writer)
                self._send(writer, rows).wait()
            else:
                self._set_patience(writer, patient)
                with writer.begin():
                    for check in self._statements.run(execute_on(writer), rows):
                        check()

    @property
    def writes_without_waiting(self) -> bool:
        """Whether a batch can be written without a thread that waits for it: by `begin_write` and `go_on`."""
        return self.dialect == "postgresql"

    def begin_write(self, rows: Iterable[Row]) -> PostgresTransaction:
        """Begin to write `rows` in one transaction: call `go_on` whenever its socket is ready, in this very thread,
        until it is over. Raises DatabaseBusy where a thread has to wait; StorageUnavailable."""
        if not self._statements.reserved.known or not self._using.acquire(blocking=False):
            raise DatabaseBusy
        try:
            with self._writing() as writer, self._refusing(writer, patient=False):
                return self._send(writer, rows)
        except BaseException:
            self._using.release()
            raise

    def go_on(self, transaction: PostgresTransaction, *, to_the_end: bool = False) -> bool:
        """Go on with a transaction; whether it is committed, its rows on disk. Where this raises it is over, with
        nothing written: RowsRefused; or, as in `write`, StorageUnavailable. `to_the_end` waits for that."""
        over = True
        try:
            with self._writing() as writer, self._refusing(writer, patient=False):
                if to_the_end:
                    transaction.wait()
                else:
                    over = transaction.advance()
                return over
        finally:
            if over:
                self._using.release()

    def abandon(self, transaction: PostgresTransaction) -> StorageUnavailable:
        """Drop the connection of a transaction that is not answered; the error to tell. Nobody knows what was
        written."""
        self.disconnect()
        self._using.release()
        seconds = transaction.limit_seconds
        return StorageUnavailable(f"the database {self.shown_url} has not answered for {seconds:.0f} s")

    def _send(self, writer: Connection, rows: Iterable[Row]) -> PostgresTransaction:
        connection = raw_postgres(writer)
        if self._pipeline is None:
            self._pipeline = Pipeline(connection)
        transaction = PostgresTransaction(connection, self._pipeline, writer.dialect)
        transaction.send(self._statements, rows)
        return transaction

    @contextlib.contextmanager
    def _refusing(self, writer: Connection, patient: bool) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self._statements.reserved.forget()
            if not patient and cause_of(error) is Cause.LOCKED:
                raise DatabaseBusy from error
            if is_refusal(error) and not writer.closed and not writer.invalidated:
                raise RowsRefused(first_line(error)) from error
            raise

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection that commits, dropped where the database fails. Raises StorageUnavailable."""
        writer = self._held()
        try:
            yield writer
        except SQLAlchemyError as error:
            self.disconnect()
            raise unavailable(error, self.shown_url) from error

    def _set_patience(self, writer: Connection, patient: bool) -> None:
        if self.dialect == "sqlite" and self._patient is not patient:
            milliseconds = BUSY_TIMEOUT_SECONDS * 1000 if patient else 0
            writer.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
            writer.rollback()
            self._patient = patient

    # Upkeep

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction of any length on the connection that holds the lock; an exception takes all of it back.

        For upkeep, not for the service: on PostgreSQL no statement of it times out. Raises StorageUnavailable where
        the database does not answer; then the lock is given up.
        """
        writer = self._held()
        try:
            with writer.begin():
                if self.dialect == "postgresql":
                    writer.exec_driver_sql("SET LOCAL statement_timeout = 0")
                else:  # The driver begins by itself at the first row written, too late for a table.
                    writer.exec_driver_sql("BEGIN IMMEDIATE")
                yield writer
        except OperationalError as error:
            self.release()
            raise unavailable(error, self.shown_url) from error

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

    @contextlib.contextmanager
    def between_commits(self) -> Iterator[Connection]:
        """One short transaction on the connection that commits, while no commit runs. Raises DatabaseBusy where another
        process holds a lock and RowsRefused where the database refuses a row, nothing written; StorageUnavailable where
        it does not answer, the lock given up."""
        with self._using, self._writing() as writer, self._refusing(writer, patient=False):
            self._set_patience(writer, False)
            with writer.begin():
                yield writer

    def probe(self) -> None:
        """Raise StorageUnavailable where the database takes no writes now: disk full, read-only, locked by others."""
        reports = tables.superseded_reports
        row = {"trial_id": -1, "lease_number": 0, "step": 0, "value_type": "FINITE"}
        with self._using, self._writing() as writer, writer.begin():
            writer.execute(insert(reports).values(row))
            writer.execute(delete(reports).where(reports.c.trial_id == -1))

    def close(self) -> None:
        """Give up the lock and all connections."""
        self.release()
        super().close()
