"""A database by its URL, and reading from it: beside whoever writes it, as many at a time as like."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from lrtune.service.storage.database.connections import new_engine, parse_url
from lrtune.service.storage.database.driver_errors import told_as_unavailable


class ReadableDatabase:
    """Reads from a pool of connections. Raises StorageUrlInvalid where the URL names no database that we can open."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        self.dialect: str = self._url.get_backend_name()
        """`sqlite` or `postgresql`."""
        self._engine = new_engine(self._url)

    @property
    def url(self) -> str:
        """The URL with its password, for libraries that connect on their own."""
        return self._url.render_as_string(hide_password=False)

    @property
    def shown_url(self) -> str:
        """The URL for people: its password is hidden."""
        return self._url.render_as_string(hide_password=True)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from, on a consistent snapshot. Raises StorageUnavailable."""
        with told_as_unavailable(self.shown_url), self._engine.connect() as connection:
            if self.dialect == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose reads are all of one moment, on SQLite too. Raises StorageUnavailable."""
        with self.read() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()
