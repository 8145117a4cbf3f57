"""What a database takes on its disk."""

import math
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.storage.database.readable import ReadableDatabase
from lrtune.service.storage.sql.reading.sizes import postgres_bytes, postgres_wal_bytes


@dataclass(frozen=True)
class Sizes:
    """Bytes; NaN where it cannot be known."""

    database_bytes: float
    wal_bytes: float


def sizes_of(database: ReadableDatabase) -> Sizes:
    """How large it is now. Blocks. Raises StorageUnavailable.

    On PostgreSQL the log is that of the whole server, and only a role that has `pg_monitor` may look at it.
    """
    if database.dialect == "sqlite":
        path = Path(database.path)
        return Sizes(_size(path), _size(Path(f"{path}-wal")))
    with database.read() as connection:
        size = postgres_bytes(connection)
        try:
            return Sizes(size, postgres_wal_bytes(connection))
        except SQLAlchemyError:  # A hosted PostgreSQL may have no such function.
            return Sizes(size, math.nan)


def _size(file: Path) -> float:
    try:
        return float(file.stat().st_size)
    except OSError:
        return 0.0
