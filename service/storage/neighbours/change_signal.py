"""A signal that somebody has written the database."""

import sqlite3

from sqlalchemy import make_url, text

from lrtune.service.storage.database.driver_errors import told_as_unavailable
from lrtune.service.storage.database.readable import ReadableDatabase


class WriteSignal:
    """Whether anybody, we included, has written the database since it was last asked. Costs no look at a table."""

    def __init__(self, database: ReadableDatabase) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._last: str | None = None

    def moved(self) -> bool:
        """Raises StorageUnavailable."""
        now = self._sqlite() if self._database.dialect == "sqlite" else self._postgres()
        moved, self._last = now != self._last, now
        return moved

    def forget(self) -> None:
        """The next answer is yes."""
        self._last = None

    def close(self) -> None:
        """Close the connection that is kept for asking."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _sqlite(self) -> str:
        with told_as_unavailable(self._database.shown_url):
            if self._connection is None:
                path = make_url(self._database.url).database or ""
                self._connection = sqlite3.connect(path, check_same_thread=False)
            return str(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _postgres(self) -> str:
        with self._database.read() as connection:
            return str(connection.execute(text("SELECT CAST(pg_current_snapshot() AS text)")).scalar())
