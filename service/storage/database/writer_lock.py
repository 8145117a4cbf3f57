"""The writer lock: on SQLite a lock file, on PostgreSQL an advisory lock of the connection that commits.

The lock file belongs to its process until that ends. On PostgreSQL the connection of a process that was stopped or
hangs lives on and keeps the lock. A writer says something on it every few seconds; a standby that hears nothing for
much longer ends the connection, and with it the lock. For how long, it measures itself: clocks of servers may be set.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.storage.database.driver_errors import first_line
from lrtune.service.storage.database.postgres_session import BATCH_LOCK_TIMEOUT_MILLISECONDS, SESSIONS_CHANGE
from lrtune.service.storage.errors import StorageUnavailable, StorageUnsuitable, WriterBusy
from lrtune.service.storage.memory.clocks import elapsed_seconds

_log = logging.getLogger(__name__)

LOCK_CLASS = 0x6C727475  # "lrtu": keeps our advisory locks apart from other programs'.
_END_MILLISECONDS = 2_000

_HOLDER = text("""
    select a.pid, a.backend_start,
           case when a.state like 'idle%' or a.wait_event_type = 'Client'
                then a.state_change end as silent_since
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.mode = 'ExclusiveLock'
      and l.classid::bigint = :lock_class and l.objid::bigint = :shard
      and l.database = (select oid from pg_database where datname = current_database())
""")
# objsubid 2: a lock with two keys. A backend that waits for its client is silent; one that waits for a disk is not.

_END = text("""
    select pg_terminate_backend(pid, :milliseconds) from pg_stat_activity
    where pid = :pid and backend_start = :started_at
""")


@dataclass(frozen=True)
class Backend:
    """The server's end of one connection. A process id alone comes back one day."""

    pid: int
    started_at: datetime


@dataclass(frozen=True)
class Holder:
    """Whose connection holds the lock."""

    backend: Backend
    silent_since: datetime | None
    """Since when the server has waited for it to say something, by the server's clock; None where it does not, or does
    not tell us."""


_MOST_BETWEEN_LOOKS = 2.0
"""Where more seconds lie between two looks, the standby itself stood still, and perhaps the writer with it."""


class Silence:
    """For how long a standby has looked, again and again, and heard nothing of the holder."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: Holder | None = None
        self._looked_at = 0.0
        self._seconds = 0.0

    def look(self, holder: Holder) -> float:
        """The holder as found now; the seconds for which it has been found so."""
        now = self._clock()
        if holder.silent_since is None or holder != self._of:
            self._seconds = 0.0
        else:
            self._seconds += min(now - self._looked_at, _MOST_BETWEEN_LOOKS)
        self._of, self._looked_at = holder, now
        return self._seconds


class LockFile:
    """The lock file beside a SQLite database, `database` being the real path of its file."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.path = Path(f"{database}.lock")
        self._lock = FileLock(self.path, thread_local=False)

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._lock.is_locked

    def take(self) -> None:
        """Raises WriterBusy where another process holds it, StorageUnavailable where it cannot be made."""
        folder = self.path.parent
        if not folder.is_dir():  # The lock would create it.
            raise StorageUnavailable(f"the folder {folder} does not exist: create it, or name another file")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise _busy(str(self._database)) from None
        except OSError as error:
            raise StorageUnavailable(
                f"cannot create {self.path}: {error.strerror}; check that the folder exists and is writable"
            ) from error

    def give_up(self) -> None:
        """Nothing where it is not held."""
        self._lock.release()


class AdvisoryLock:
    """The lock of a PostgreSQL database. It remembers which connection it was last taken on."""

    def __init__(
        self,
        shown_url: str,
        shard: int,
        depose_after_seconds: float,
        clock: Callable[[], float] = elapsed_seconds,
    ) -> None:
        self._shown_url = shown_url
        self._shard = shard
        self._depose_after_seconds = depose_after_seconds
        self._last: Backend | None = None
        self._silence = Silence(clock)

    def take(self, connection: Connection) -> None:
        """Take it on this connection, which commits batches from now on. Raises WriterBusy, SQLAlchemyError."""
        if not self._try(connection) and not (self._free(connection) and self._try(connection)):
            raise _busy(self._shown_url)
        self._last = _own_backend(connection)
        connection.exec_driver_sql(f"SET lock_timeout = {BATCH_LOCK_TIMEOUT_MILLISECONDS}")
        connection.commit()

    def check(self, connection: Connection) -> None:
        """Raise StorageUnsuitable where the server's process behind the connection is not the one that has the lock."""
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        if self._last is not None and pid != self._last.pid:
            raise StorageUnsuitable(SESSIONS_CHANGE)

    def _try(self, connection: Connection) -> bool:
        """Whether this connection has got the lock."""
        return try_lock(connection, self._shard)

    def _free(self, connection: Connection) -> bool:
        """Whether the lock may be free now: its holder is gone, was our own lost connection, or silent for too long."""
        holder = _find_holder(connection, self._shard)
        if holder is None:
            return True
        silent = self._silence.look(holder)
        if holder.backend != self._last:
            if silent < self._depose_after_seconds:
                return False
            _log.warning(
                "the writer of %s has said nothing for %.0f s: ending its connection (backend %d) to take over",
                *(self._shown_url, silent, holder.backend.pid),
            )
        try:
            end_backend(connection, holder.backend)
        except SQLAlchemyError as error:
            connection.rollback()
            _log.warning("backend %d cannot be ended: %s", holder.backend.pid, first_line(error))
            return False
        return True


def _busy(shown: str) -> WriterBusy:
    return WriterBusy(f"another lrtune process writes {shown}; this one waits as standby")


def try_lock(connection: Connection, shard: int, *, shared: bool = False) -> bool:
    """Whether this connection has got the lock; one that is `shared` keeps out whoever wants it for himself."""
    attempt = func.pg_try_advisory_lock_shared if shared else func.pg_try_advisory_lock
    locked = connection.execute(select(attempt(LOCK_CLASS, shard))).scalar()
    connection.commit()
    return bool(locked)


def _own_backend(connection: Connection) -> Backend:
    """The server's end of this connection."""
    row = connection.execute(text("select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()")).one()
    connection.commit()
    return Backend(row.pid, row.backend_start)


def _find_holder(connection: Connection, shard: int) -> Holder | None:
    """Who holds the lock; None where nobody does any more."""
    row = connection.execute(_HOLDER, {"lock_class": LOCK_CLASS, "shard": shard}).one_or_none()
    connection.commit()
    return None if row is None else Holder(Backend(row.pid, row.backend_start), row.silent_since)


def end_backend(connection: Connection, backend: Backend) -> None:
    """End another connection, if it is still there. Raises SQLAlchemyError where our role may not."""
    connection.execute(_END, {"pid": backend.pid, "started_at": backend.started_at, "milliseconds": _END_MILLISECONDS})
    connection.commit()
