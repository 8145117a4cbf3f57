"""The locks of a PostgreSQL database that several processes write, each the studies of its shards.

All locks of a process are on the one connection that commits: they end with it, all at once. The lock that a single
writer holds alone is shared by these processes, and keeps single writers, restores and adoptions out; who finds nobody
else may hold it alone for a moment, to upgrade the schema. Each shard has a lock of its own beside it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, text

from lrtune.service.storage.database.writer_lock import (
    LOCK_CLASS,
    AdvisoryLock,
    Backend,
    Holder,
    try_lock,
)

_WHOLE = 0
_FIRST_SHARD = 1

_VANISHED = """
    SET tcp_keepalives_idle = 2; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = 8000
"""
"""So long after its machine has vanished, the server ends a process's connection, and frees its shards."""

# Not those that this connection has: a lock taken twice must be released twice.
_TAKE = text("""
    select shard, pg_try_advisory_lock(:lock_class, :first + shard) as taken
    from unnest(cast(:shards as integer[])) as wanted (shard)
    where not exists (
        select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 2 and l.pid = pg_backend_pid()
            and l.classid::bigint = :lock_class and l.objid::bigint = :first + shard)
""")
_RELEASE = text("""
    select pg_advisory_unlock(:lock_class, :first + shard) from unnest(cast(:shards as integer[])) as given (shard)
""")
_HELD = text("""
    select l.objid::bigint as number, l.mode, l.pid, a.backend_start,
           case when a.state like 'idle%' or a.wait_event_type = 'Client'
                then a.state_change end as silent_since,
           p.address, p.secret, coalesce(p.leaving, false) as leaving
    from pg_locks l left join pg_stat_activity a on a.pid = l.pid left join lrtune_processes p on p.backend_pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2 and l.classid::bigint = :lock_class
      and l.database = (select oid from pg_database where datname = current_database())
""")


class SharedLock(AdvisoryLock):
    """The lock on the whole database, shared with other processes that serve shards."""

    alone = False
    """Whether this process holds it alone: nobody else writes, and the schema may be changed."""

    def _try(self, connection: Connection) -> bool:
        self.alone = try_lock(connection, _WHOLE)
        return self.alone or try_lock(connection, _WHOLE, shared=True)

    def share(self, connection: Connection) -> None:
        """Let others in beside this process."""
        if self.alone:
            try_lock(connection, _WHOLE, shared=True)
            connection.execute(text("select pg_advisory_unlock(:lock_class, 0)"), {"lock_class": LOCK_CLASS})
            connection.commit()
            self.alone = False
        connection.exec_driver_sql(_VANISHED)
        connection.commit()

    @property
    def pid(self) -> int:
        """The server's process behind the connection that it was last taken on; 0 before."""
        return self._last.pid if self._last is not None else 0


@dataclass(frozen=True)
class Member:
    """A process that serves shards of the database, or is about to."""

    holder: Holder
    address: str
    """Where others reach it."""
    secret: str
    leaving: bool
    shards: frozenset[int]

    @property
    def pid(self) -> int:
        """The server's process for its connection."""
        return self.holder.backend.pid


def take_shards(connection: Connection, shards: Collection[int]) -> set[int]:
    """Those of these shards that were free; they are this connection's now. Raises SQLAlchemyError."""
    rows = connection.execute(_TAKE, {"lock_class": LOCK_CLASS, "first": _FIRST_SHARD, "shards": sorted(shards)})
    return {row.shard for row in rows if row.taken}


def release_shards(connection: Connection, shards: Collection[int]) -> None:
    """Let others take these shards. Raises SQLAlchemyError."""
    connection.execute(_RELEASE, {"lock_class": LOCK_CLASS, "first": _FIRST_SHARD, "shards": sorted(shards)})


def find_members(connection: Connection) -> list[Member]:
    """Who serves shards now, and which. Who has not said yet where it is reached is left out, its shards with it."""
    held: dict[int, set[int]] = {}
    found = {}
    for row in connection.execute(_HELD, {"lock_class": LOCK_CLASS}):
        held.setdefault(row.pid, set())
        if row.number >= _FIRST_SHARD:
            held[row.pid].add(row.number - _FIRST_SHARD)
        if row.address is not None:
            found[row.pid] = row
    return [
        Member(
            Holder(Backend(pid, row.backend_start), row.silent_since),
            row.address,
            row.secret,
            row.leaving,
            frozenset(held[pid]),
        )
        for pid, row in found.items()
    ]
