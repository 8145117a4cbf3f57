"""A database by its URL, and reading from it: beside whoever writes it, as many at a time as like."""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection

from lrtune.service.storage.database.connections import new_postgres, new_sqlite, parse_url, real_path
from lrtune.service.storage.database.driver_errors import DRIVERS_RAISE, unavailable
from lrtune.service.storage.database.shown import shown, without_secrets
from lrtune.service.storage.errors import StorageUnavailable


class ReadableDatabase:
    """Reads from a pool of connections. Raises StorageUrlInvalid where the URL names no database that we can open."""

    def __init__(self, url: str) -> None:
        named = parse_url(url)
        self.dialect: str = named.get_backend_name()
        """`sqlite` or `postgresql`."""
        self.shown_url = shown(named)
        """The URL for people and logs: its secrets are masked."""
        self._may_create = False
        if self.dialect == "sqlite":
            path = real_path(named)
            self._url = named.set(database=str(path))
            self._may_create = not path.exists()  # Where one was, none is made in its place: it may be unmounted.
            self._engine = new_sqlite(self._url, lambda: self._may_create)
        else:
            self._url = named
            self._engine = new_postgres(named)

    @property
    def url(self) -> str:
        """The URL with its secrets, and a SQLite file's real path, for libraries that connect on their own."""
        return self._url.render_as_string(hide_password=False)

    @property
    def path(self) -> str:
        """A SQLite file's real path."""
        return str(self._url.database)

    def unavailable(self, error: BaseException) -> StorageUnavailable:
        """The error to tell where a driver has raised this one."""
        return StorageUnavailable(without_secrets(str(unavailable(error, self.shown_url)), self._url))

    @contextlib.contextmanager
    def told_as_unavailable(self) -> Iterator[None]:
        """What the drivers raise within the block as StorageUnavailable."""
        try:
            yield
        except DRIVERS_RAISE as error:
            raise self.unavailable(error) from error

    def concealed(self, text: str) -> str:
        """A text without this URL in any form, and without its secrets: for those who only talk to the service."""
        for form in (self.url, self.shown_url, without_secrets(self.shown_url, self._url)):
            text = text.replace(f"the database {form}", "the database").replace(form, "the database")
        return without_secrets(text, self._url)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection to read from, on a consistent snapshot. Raises StorageUnavailable."""
        self._check_place()
        with self.told_as_unavailable(), self._engine.connect() as connection:
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

    def _check_place(self) -> None:
        """For whoever has opened it: raise StorageUnavailable where another database is there now."""

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()
