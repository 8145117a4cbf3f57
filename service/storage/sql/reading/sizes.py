"""What PostgreSQL says of its disk."""

import math

from sqlalchemy import Connection, text

_BYTES = text("SELECT pg_database_size(current_database())")
_MAY_SEE_WAL = text("SELECT has_function_privilege('pg_catalog.pg_ls_waldir()', 'execute')")
_WAL_BYTES = text("SELECT coalesce(sum(size), 0) FROM pg_catalog.pg_ls_waldir()")


def postgres_bytes(connection: Connection) -> float:
    """Of the database, with its indexes."""
    return float(connection.execute(_BYTES).scalar_one())


def postgres_wal_bytes(connection: Connection) -> float:
    """Of the server's write-ahead log; NaN where this role may not see it."""
    if not connection.execute(_MAY_SEE_WAL).scalar_one():
        return math.nan
    return float(connection.execute(_WAL_BYTES).scalar_one())
