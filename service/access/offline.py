"""The tokens of a database, without a service: whoever may write the database may do all.

The methods are those of a service's client. They may be used beside a service, which notices within a second.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from lrtune.service.access import tokens
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import sqlite_path
from lrtune.service.storage.errors import SchemaMismatch, StorageUnavailable, WriterBusy
from lrtune.service.storage.maintenance import upgrade
from lrtune.service.storage.memory.actor import acting, whoever_typed
from lrtune.service.storage.sql.reading.tokens import read_tokens
from lrtune.service.wire.access import bodies as wire

Result = TypeVar("Result")


class OfflineAccess:
    """The tokens of an open database whose schema is this version's. All methods raise StorageUnavailable."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time, *, where: str = "") -> None:
        self.where = where or f"in the database {database.shown_url}"
        """For people, which database that is: `in the database /data/lrtune.db`; and whether it was made for this."""
        self._database = database
        self._clock = clock

    def create_token(
        self,
        role: wire.Role,
        *,
        scopes: Sequence[str] = (wire.ALL_STUDIES,),
        name: str = "",
        expires_in_seconds: float | None = None,
        expires_at: datetime | None = None,
        limits: wire.Limits | None = None,
    ) -> wire.CreatedToken:
        """A new token. Raises TokenInvalid, and pydantic's ValidationError."""
        body = wire.NewToken(
            role=role,
            scopes=list(scopes),
            name=name,
            expires_in_seconds=expires_in_seconds,
            expires_at=expires_at,
            limits=limits or wire.Limits(),
        )
        return tokens.created_view(*self._write(lambda connection: tokens.create(connection, body, self._clock())))

    def tokens(self) -> Iterator[wire.Token]:
        """All tokens, the newest first."""
        with self._database.read() as connection:
            found = [token for token in read_tokens(connection) if token.kind == "token"]
        found.sort(key=lambda token: (token.created_at, token.token_id), reverse=True)
        return (tokens.view(token) for token in found)

    def revoke_token(self, token_id: str, *, force: bool = False) -> wire.Token:
        """End a token. Raises TokenNotFound, LastAdmin."""
        revoked = self._write(lambda connection: tokens.revoke(connection, token_id, self._clock(), force=force))
        return tokens.view(revoked)

    def rotate_token(self, token_id: str, *, grace_seconds: float = 0.0) -> wire.CreatedToken:
        """Give a token a new secret. Raises TokenNotFound, TokenInvalid."""
        rotated = self._write(
            lambda connection: tokens.rotate(connection, token_id, self._clock(), grace_seconds=grace_seconds)
        )
        return tokens.created_view(*rotated)

    def _write(self, work: Callable[[Connection], Result]) -> Result:
        with acting(whoever_typed()), self._database.beside_writer() as connection:
            return work(connection)


@contextlib.contextmanager
def open_offline(url: str, *, make: bool = False) -> Iterator[OfflineAccess]:
    """The database. `make`: its tables are made, or brought up to this version, where they are not.

    Raises StorageError; without `make` also where there is no such database, or its tables are older.
    """
    file = sqlite_path(url)
    there = file is None or file.exists()
    if not make and not there:
        raise StorageUnavailable(f"there is no database {file}: name the one that the service writes")
    upgrade.check_can_open(url)
    database = Database(url)
    try:
        with database.read() as connection:
            current = upgrade.versions(connection).current
        if not current:
            if not make:
                raise SchemaMismatch(
                    f"{database.shown_url} has no tokens; `lrtune token create --role admin --offline` makes the first"
                )
            _upgrade(database)
        where = database.shown_url if file is None else str(file)
        yield OfflineAccess(database, where=f"in {'the database' if there else 'a new database: made'} {where}")
    finally:
        database.close()


def _upgrade(database: Database) -> None:
    try:
        database.acquire()
    except WriterBusy:
        raise WriterBusy(
            f"a service of another version writes {database.shown_url}, and its tables are not this version's: upgrade "
            "the service first"
        ) from None
    upgrade.upgrade(database)
    database.release()
