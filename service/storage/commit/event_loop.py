"""Committing in the event loop, with no thread to hand over to.

A hand-over costs more than the commit: the interpreter lock changes hands at every call of the database. On SQLite the
loop writes the batch itself. To PostgreSQL it sends the batch and goes on with other requests, which form the next one,
until the answer has come. Where another process holds SQLite's write lock, and for a batch that was refused, the
committer's thread takes over, as it does for a change of many rows: so the loop waits for nothing longer than a batch's
own commit.
"""

import asyncio
import contextlib
import logging
import threading
import time

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.commit.queue import CommitQueue
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.postgres_transaction import PostgresTransaction

_log = logging.getLogger(__name__)

_IDLE_TURNS = 2
"""A request takes the loop a turn to be read, and one to be run."""
_ENOUGH = 8
"""Changes that a batch does not wait beyond: with many clients the loop had better answer some while others send."""
_MANY_ROWS = 2_000
"""Rows of one change that the loop does not write itself: as many take longer than anybody should wait for the loop."""
_GATHER_SECONDS = 0.003
"""The longest that the first change of a batch waits for more."""


class LoopCommits:
    """Commits what is in the queue, in one event loop. But for `call`, all is to be called in the loop's thread."""

    def __init__(self, queue: CommitQueue, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._queue = queue
        self._database = database
        self._loop = loop
        self._thread = threading.get_ident()
        self._ended = False
        self._transaction: PostgresTransaction | None = None
        self._batch = Batch()
        self._begun = 0.0
        self._limit: asyncio.TimerHandle | None = None

    def call(self) -> None:
        """There is a change to be committed. From any thread."""
        if threading.get_ident() == self._thread:
            self._gather()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._gather)

    def end(self) -> None:
        """Commit nothing more. Waits for a commit under way."""
        self._ended = True
        if self._transaction is not None:
            self._unwatch(self._transaction)
            self._go_on(self._transaction, to_the_end=True)

    def _gather(self, until: float | None = None, seen: int = 0, idle: int = 0) -> None:
        """Commit once the loop has nothing more for a small batch: a commit costs as much as several requests."""
        if self._ended:
            self._queue.wake.set()
            return
        if self._transaction is not None:
            return  # Its end sees to it.
        now = self._loop.time()
        until = now + _GATHER_SECONDS if until is None else until
        count = self._queue.forming
        idle = 0 if count > seen else idle + 1
        if idle < _IDLE_TURNS and count < _ENOUGH and now < until:
            self._loop.call_soon(self._gather, until, count, idle)
        else:
            self._commit()

    def _commit(self) -> None:
        if not self._queue.forming:
            return
        if self._ended:
            self._queue.wake.set()
            return
        if self._queue.most_rows > _MANY_ROWS or not self._queue.claim():
            self._queue.wake.set()  # The thread is at it, or was left something: it commits this one next.
            return
        if self._database.writes_without_waiting:
            self._send()
            return
        batch, begun = self._queue.take(), time.perf_counter()
        try:
            self._write(batch, begun)
        finally:
            self._queue.yield_claim()

    def _write(self, batch: Batch, begun: float) -> None:
        try:
            self._database.write(batch.rows(), patient=False)
        except Exception as error:
            self._queue.failed(batch, error)
        else:
            self._queue.settled(batch, begun)

    def _send(self) -> None:
        self._batch, self._begun = self._queue.take(), time.perf_counter()
        try:
            transaction = self._database.begin_write(self._batch.rows())
        except Exception as error:
            self._finish(error)
            return
        self._transaction = transaction
        self._limit = self._loop.call_later(transaction.limit_seconds, self._abandon, transaction)
        self._watch(transaction)

    def _watch(self, transaction: PostgresTransaction) -> None:
        try:
            self._loop.add_reader(transaction.socket, self._advance, transaction)
            if transaction.unsent:
                self._loop.add_writer(transaction.socket, self._advance, transaction)
        except Exception:
            _log.exception("the connection to the database cannot be watched")
            self._abandon(transaction)

    def _unwatch(self, transaction: PostgresTransaction) -> None:
        self._loop.remove_reader(transaction.socket)
        self._loop.remove_writer(transaction.socket)

    def _advance(self, transaction: PostgresTransaction) -> None:
        self._unwatch(transaction)  # Before the connection may be closed, and its descriptor be another's.
        self._go_on(transaction)

    def _go_on(self, transaction: PostgresTransaction, *, to_the_end: bool = False) -> None:
        try:
            committed = self._database.go_on(transaction, to_the_end=to_the_end)
        except Exception as error:
            self._finish(error)
            return
        if committed:
            self._finish(None)
        else:
            self._watch(transaction)

    def _abandon(self, transaction: PostgresTransaction) -> None:
        with contextlib.suppress(Exception):
            self._unwatch(transaction)
        self._finish(self._database.abandon(transaction))

    def _finish(self, error: Exception | None) -> None:
        """The batch's transaction is over: committed, or failed with `error`."""
        batch, self._batch, self._transaction = self._batch, Batch(), None
        if self._limit is not None:
            self._limit.cancel()
        try:
            if error is None:
                self._queue.settled(batch, self._begun)
            else:
                self._queue.failed(batch, error)
        finally:
            self._queue.yield_claim()
            if self._ended:
                self._queue.wake.set()  # The thread commits what has formed meanwhile.
            elif self._queue.forming:
                self._loop.call_soon(self._commit)  # At once: its way overlaps with the answers to this batch.
