"""What a session of PostgreSQL has to be like for us, set on every connection or refused with the reason.

A role or a database may have defaults of its own for all of it, and a pooler may give every transaction another
session: then neither settings nor the writer's lock hold.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine

from lrtune.service.storage.errors import StorageUnsuitable

STATEMENT_TIMEOUT_MILLISECONDS = 30_000
READ_LOCK_TIMEOUT_MILLISECONDS = 5_000
BATCH_LOCK_TIMEOUT_MILLISECONDS = 100
"""How long a batch waits for a row that another transaction has locked, before it is committed change by change."""
FOR_UPKEEP = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'"
"""For a transaction that may take as long as it likes, but does not queue for a table for ever."""

_SETTINGS = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "TimeZone": "UTC",
    "extra_float_digits": "3",  # Floats are sent to their last bit.
    "standard_conforming_strings": "on",
    "default_transaction_isolation": "read committed",  # What the conflict checks of a batch are made for.
    "default_transaction_deferrable": "off",
    "statement_timeout": str(STATEMENT_TIMEOUT_MILLISECONDS),
    "lock_timeout": str(READ_LOCK_TIMEOUT_MILLISECONDS),
    # The connection that commits rests between batches, and holds the writer's lock.
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}
# What a server is too old to know is left out; a commit that already waits for more than its own disk goes on to.
_SET = """
    SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
    WHERE current_setting(name, true) IS NOT NULL
    UNION ALL
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
_ENCODING = "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
_MOST_SESSIONS = 8
SESSIONS_CHANGE = (
    "the storage URL leads to a pooler that gives every transaction another session, so the writer's lock cannot be "
    "held: set its pool mode to session (pgbouncer: pool_mode = session), or connect to PostgreSQL itself"
)


def set_up(connection: "psycopg.Connection[Any]", _record: Any) -> None:
    """Give a new connection the settings that we rely on, whatever its role's or database's defaults are."""
    with connection.cursor() as cursor:
        cursor.execute(_SET, [list(_SETTINGS), list(_SETTINGS.values())])
    connection.commit()


def check(engine: Engine) -> None:
    """Raise StorageUnsuitable where the database, or a pooler before it, cannot serve us.

    Only looks. Opens a few connections of the engine's pool for a moment, and raises what it raises.
    """
    with engine.connect() as connection:
        encoding = connection.exec_driver_sql(_ENCODING).scalar()
        connection.rollback()
        if encoding != "UTF8":
            raise StorageUnsuitable(
                f"the database is encoded in {encoding}, which cannot hold every name: create one with ENCODING 'UTF8' "
                "TEMPLATE template0, and move the studies there with `lrtune db backup` and `lrtune db restore`"
            )
        _check_sessions(engine, connection)


def _check_sessions(engine: Engine, connection: Connection) -> None:
    """Refuse a pooler that hands the session of this connection, which rests, to another one.

    One connection more tells it for a pooler that prefers the session used last. Others are found by using several;
    that is done where the server's process is not the one that it named when we connected: then something stands
    between.
    """
    own = _backend(connection)
    connection.rollback()
    pooled = own != connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    with contextlib.ExitStack() as others:
        for _ in range(_MOST_SESSIONS if pooled else 1):
            if others.enter_context(_in_transaction(engine)) == own:
                raise StorageUnsuitable(SESSIONS_CHANGE)
        if _backend(connection) != own:
            raise StorageUnsuitable(SESSIONS_CHANGE)
        connection.rollback()


@contextlib.contextmanager
def _in_transaction(engine: Engine) -> Iterator[int]:
    """Another connection, within a transaction; the server's process for it."""
    with engine.connect() as connection:
        yield _backend(connection)


def _backend(connection: Connection) -> int:
    """The server's process for this connection's transaction, which stays open."""
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())
