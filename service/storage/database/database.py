"""A database that one process at a time may write, and the connection that holds the right to."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, OperationalError

from lrtune.service.storage.database import postgres_session
from lrtune.service.storage.database.connections import BUSY_TIMEOUT_SECONDS, raw_postgres
from lrtune.service.storage.database.driver_errors import (
    DatabaseBusy,
    is_held_up,
    nothing_written,
)
from lrtune.service.storage.database.locked import DEPOSE_AFTER_SECONDS, LockedDatabase
from lrtune.service.storage.database.postgres_pipeline import Pipeline
from lrtune.service.storage.database.postgres_transaction import PostgresTransaction
from lrtune.service.storage.errors import StorageError, StorageUnavailable
from lrtune.service.storage.sql.execution import execute_on
from lrtune.service.storage.sql.probe import write_and_remove
from lrtune.service.storage.sql.writing.statements import Row, Statements


class Database(LockedDatabase):
    """Writes on one connection, the one that holds the writer lock."""

    def __init__(
        self, url: str, *, shard: int = 0, depose_after_seconds: float = DEPOSE_AFTER_SECONDS, shared: bool = False
    ) -> None:
        super().__init__(url, shard=shard, depose_after_seconds=depose_after_seconds, shared=shared)
        self._statements = Statements(self.dialect)

    def own_ids(self, table: str, drawn: Sequence[int]) -> None:
        """Rows of the table with these ids need no proof: its sequence has given them to this process."""
        with self._using:
            self._statements.reserved.own(table, drawn)

    # Writing a batch

    def write(self, rows: Iterable[Row], *, patient: bool = True, lock_seconds: float | None = None) -> None:
        """Write `rows` in one transaction; on return they are on disk.

        Raises RowsRefused where the database says that a row is wrong; then none is written and the lock is still
        held. Raises StorageUnavailable where the database does not answer; then the lock is given up, and the rows may
        be on disk all the same where only the answer was lost. On SQLite, a `patient` writer waits for another
        process's transaction; else DatabaseBusy is raised, nothing written. On PostgreSQL a row that another
        transaction has locked is waited for as long as `lock_seconds` says; then HeldUp is raised, nothing written.
        """
        with self._using, self._writing() as writer, self._refusing(writer, patient):
            if self.dialect == "postgresql":
                if not self._statements.reserved.known:
                    with writer.begin():
                        self._statements.reserved.look(writer)
                self._send(writer, rows, lock_seconds).wait()
            else:
                self._set_patience(writer, patient)
                with writer.begin():
                    for check in self._statements.run(execute_on(writer), rows):
                        check()
                    self._check_file()

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

    def _send(self, writer: Connection, rows: Iterable[Row], lock_seconds: float | None = None) -> PostgresTransaction:
        connection = raw_postgres(writer)
        if self._pipeline is None:
            self._pipeline = Pipeline(connection)
        transaction = PostgresTransaction(connection, self._pipeline, writer.dialect)
        transaction.send(self._statements, rows, lock_seconds)
        return transaction

    @contextlib.contextmanager
    def _refusing(self, writer: Connection, patient: bool) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            self._statements.reserved.forget()
            told = None if writer.closed or writer.invalidated else nothing_written(error, patient=patient)
            if told is None:
                raise
            raise told from error

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
                    writer.exec_driver_sql(postgres_session.FOR_UPKEEP)
                else:  # The driver begins by itself at the first row written, too late for a table.
                    writer.exec_driver_sql("BEGIN IMMEDIATE")
                yield writer
                self._check_file()
        except OperationalError as error:
            self.release()
            raise self.unavailable(error) from error

    @contextlib.contextmanager
    def beside_writer(self) -> Iterator[Connection]:
        """One short transaction on a connection of its own, beside the process that commits studies: for rows that it
        has not in memory. An exception takes all of it back. Raises StorageUnavailable."""
        self._check_place()
        with self.told_as_unavailable(), self._engine.begin() as connection:
            if (
                self.dialect == "sqlite"
            ):  # As in `transaction`; here, so that nobody writes between our look and our row.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

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
        with self._using, self._writing() as writer:
            self._check_file()
            try:
                with writer.begin():
                    if self._advisory_lock is not None:
                        self._advisory_lock.check(writer)
                    else:
                        writer.execute(select(1))
            except DBAPIError as error:
                if not is_held_up(error):
                    raise

    def check_file(self) -> None:
        """Raise StorageUnavailable where a SQLite database's file was moved, or has got a second name."""
        if self._file is not None and self._writer is not None:
            with self._using, self._writing():
                self._check_file()

    @contextlib.contextmanager
    def between_commits(self) -> Iterator[Connection]:
        """One short transaction on the connection that commits, while no commit runs. Raises DatabaseBusy where another
        process holds a lock and RowsRefused where the database refuses a row, nothing written; StorageUnavailable where
        it does not answer, the lock given up."""
        with self._using, self._writing() as writer, self._refusing(writer, patient=False):
            self._set_patience(writer, False)
            with writer.begin():
                yield writer
                self._check_file()

    def probe(self) -> None:
        """Raise StorageUnavailable where the database takes no writes now: disk full, read-only, locked by others."""
        with self._using, self._writing() as writer, writer.begin():
            write_and_remove(writer)
            self._check_file()

    def close(self) -> None:
        """Give up the lock and all connections."""
        self.release()
        super().close()
