"""Committing in the event loop, with no thread to hand over to.

A hand-over costs more than the commit: the interpreter lock changes hands at every call of the database. On SQLite the
loop writes the batch itself. To PostgreSQL it sends the batch and goes on with other requests, which form the next one,
until the answer has come. Where another process holds SQLite's write lock, and for a batch that was refused, the
committer's thread takes over: so the loop waits for nothing longer than a batch's own commit.
"""

import asyncio
import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from lrtune.service.storage.commit.batch import Batch
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.postgres_transaction import Flight

if TYPE_CHECKING:
    from lrtune.service.storage.commit.committer import Committer

_log = logging.getLogger(__name__)

_IDLE_TURNS = 2
"""A request takes the loop a turn to be read, and one to be run."""
_ENOUGH = 8
"""Changes that a batch does not wait beyond: with many clients the loop had better answer some while others send."""
_GATHER_SECONDS = 0.003
"""The longest that the first change of a batch waits for more."""


class LoopCommits:
    """Commits for a committer, in one event loop. But for `call`, all is to be called in the loop's thread."""

    def __init__(self, committer: "Committer", database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._committer = committer
        self._database = database
        self._loop = loop
        self._thread = threading.get_ident()
        self._ended = False
        self._flight: Flight | None = None
        self._aboard = Batch()
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
        if self._flight is not None:
            self._unwatch(self._flight)
            self._arrive(self._flight, at_last=True)

    def _gather(self, until: float | None = None, seen: int = 0, idle: int = 0) -> None:
        """Commit once the loop has nothing more for a small batch: a commit costs as much as several requests."""
        if self._ended:
            self._committer.wake.set()
            return
        if self._flight is not None:
            return  # Which sees to it when it has landed.
        now = self._loop.time()
        until = now + _GATHER_SECONDS if until is None else until
        count = self._committer.forming
        idle = 0 if count > seen else idle + 1
        if idle < _IDLE_TURNS and count < _ENOUGH and now < until:
            self._loop.call_soon(self._gather, until, count, idle)
        else:
            self._commit()

    def _commit(self) -> None:
        if not self._committer.forming:
            return
        if self._ended:
            self._committer.wake.set()
            return
        if not self._committer.claim():
            self._committer.wake.set()  # The thread is at it, or was left something: it commits this one next.
            return
        if self._database.flies:
            self._depart()
            return
        batch, begun = self._committer.take(), time.perf_counter()
        try:
            self._write(batch, begun)
        finally:
            self._committer.yield_claim()

    def _write(self, batch: Batch, begun: float) -> None:
        try:
            self._database.write(batch.rows(), patient=False)
        except Exception as error:
            self._committer.failed(batch, error)
        else:
            self._committer.settled(batch, begun)

    def _depart(self) -> None:
        self._aboard, self._begun = self._committer.take(), time.perf_counter()
        try:
            flight = self._database.depart(self._aboard.rows())
        except Exception as error:
            self._landed(error)
            return
        self._flight = flight
        self._limit = self._loop.call_later(flight.limit_seconds, self._abandon, flight)
        self._watch(flight)

    def _watch(self, flight: Flight) -> None:
        try:
            self._loop.add_reader(flight.socket, self._advance, flight)
            if flight.unsent:
                self._loop.add_writer(flight.socket, self._advance, flight)
        except Exception:
            _log.exception("the connection to the database cannot be watched")
            self._abandon(flight)

    def _unwatch(self, flight: Flight) -> None:
        self._loop.remove_reader(flight.socket)
        self._loop.remove_writer(flight.socket)

    def _advance(self, flight: Flight) -> None:
        self._unwatch(flight)  # Before the connection may be closed, and its descriptor be another's.
        self._arrive(flight)

    def _arrive(self, flight: Flight, *, at_last: bool = False) -> None:
        try:
            over = self._database.arrive(flight, at_last=at_last)
        except Exception as error:
            self._landed(error)
            return
        if over:
            self._landed(None)
        else:
            self._watch(flight)

    def _abandon(self, flight: Flight) -> None:
        with contextlib.suppress(Exception):
            self._unwatch(flight)
        self._landed(self._database.abandon(flight))

    def _landed(self, error: Exception | None) -> None:
        batch, self._aboard, self._flight = self._aboard, Batch(), None
        if self._limit is not None:
            self._limit.cancel()
        try:
            if error is None:
                self._committer.settled(batch, self._begun)
            else:
                self._committer.failed(batch, error)
        finally:
            self._committer.yield_claim()
            if self._ended:
                self._committer.wake.set()  # The thread commits what has formed meanwhile.
            elif self._committer.forming:
                self._loop.call_soon(self._commit)  # At once: its way overlaps with the answers to this batch.
