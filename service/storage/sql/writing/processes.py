"""The processes that share a database, as they say themselves; on PostgreSQL."""

from sqlalchemy import Connection, delete, insert, text

from lrtune.service.storage.schema import tables

_GONE = text("""
    delete from lrtune_processes where backend_pid not in (
        select l.pid from pg_locks l where l.locktype = 'advisory' and l.granted and l.objsubid = 2
            and l.database = (select oid from pg_database where datname = current_database()))
""")


def register(connection: Connection, pid: int, address: str, secret: str, *, since: float, leaving: bool) -> None:
    """Say where the process behind the server's process `pid` is reached; forget those that are gone."""
    processes = tables.processes
    connection.execute(delete(processes).where(processes.c.backend_pid == pid))
    row = {"backend_pid": pid, "address": address, "secret": secret, "since": since, "leaving": leaving}
    connection.execute(insert(processes).values(row))
    connection.execute(_GONE)
