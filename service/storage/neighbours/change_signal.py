"""A signal that somebody has written the database."""

import sqlite3

from sqlalchemy import make_url, text

from lrtune.service.storage.database.connections import connect_sqlite, real_path
from lrtune.service.storage.database.readable import ReadableDatabase


class WriteSignal:
    """Whether anybody, we included, has written the database since it was last asked. Costs no look at a table."""

    def __init__(self, database: ReadableDatabase) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._last: str | None = None
        self._void = False

    def moved(self) -> bool:
        """Raises StorageUnavailable."""
        if self._void:
            self._void, self._last = False, None
            self.close()
        now = self._sqlite() if self._database.dialect == "sqlite" else self._postgres()
        moved, self._last = now != self._last, now
        return moved

    def forget(self) -> None:
        """The next answer is yes, by a new connection. From any thread."""
        self._void = True

    def close(self) -> None:
        """Close the connection that is kept for asking."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sqlite(self) -> str:
        with self._database.told_as_unavailable():
            if self._connection is None:
                path = real_path(make_url(self._database.url))
                self._connection = connect_sqlite(path, check_same_thread=False)
            return str(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _postgres(self) -> str:
        with self._database.read() as connection:
            return str(connection.execute(text("SELECT CAST(pg_current_snapshot() AS text)")).scalar())
