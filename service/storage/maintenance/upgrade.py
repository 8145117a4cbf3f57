"""Creating and upgrading the schema: Optuna's tables by Optuna, ours by Alembic with a version table of its own."""

import functools
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.exceptions import StorageInternalError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lrtune import migrations
from lrtune.service.storage.database.connections import parse_url
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import first_line
from lrtune.service.storage.errors import SchemaMismatch, StorageUnavailable
from lrtune.service.storage.maintenance import adoption_record
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.schema.tables import PREFIX, VERSION_TABLE, metadata


@dataclass(frozen=True)
class Versions:
    """What a database's schemas are, and what this installation works with."""

    optuna: str | None
    optuna_head: str
    set_up_by: str | None
    """The version of the Optuna that created or last upgraded its tables."""
    lrtune: str | None
    lrtune_head: str

    @property
    def current(self) -> bool:
        """Whether both are what this installation works with."""
        return (self.optuna, self.lrtune) == (self.optuna_head, self.lrtune_head)

    @property
    def of_newer_lrtune(self) -> bool:
        """Whether our tables are at a revision that this installation does not know."""
        return self.lrtune is not None and self.lrtune not in revisions()


def versions(connection: Connection) -> Versions:
    """The schemas' versions; look only."""
    return Versions(
        optuna=optuna_tables.revision(connection),
        optuna_head=optuna_tables.head(),
        set_up_by=optuna_tables.set_up_by(connection),
        lrtune=_version(connection),
        lrtune_head=revisions()[-1],
    )


@functools.cache
def revisions() -> tuple[str, ...]:
    """Our revisions, oldest first."""
    return tuple(script.revision for script in _scripts().walk_revisions())[::-1]


def differences(connection: Connection) -> list[str]:
    """How our tables differ from what this version expects, a line each; none if they are right."""
    context = MigrationContext.configure(connection, opts=_OPTIONS)
    return [_difference_text(difference) for difference in compare_metadata(context, metadata)]


def _is_our_table(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave Optuna's tables alone: unfiltered, autogenerate proposes to drop them."""
    return kind != "table" or (name is not None and name.startswith(PREFIX) and name != VERSION_TABLE)


_OPTIONS: dict[str, Any] = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": _is_our_table}


def _difference_text(difference: Any) -> str:
    if isinstance(difference, list):  # Changes of one column come as a list.
        return "; ".join(_difference_text(part) for part in difference)
    return " ".join(str(getattr(part, "name", part)) for part in difference if part is not None and part != {})


_one_at_a_time = threading.Lock()
"""Alembic keeps what it is at in its modules' globals, one for all engines of a process."""


def upgrade(database: Database) -> None:
    """Bring the schema up to this version. The caller holds the writer lock.

    Raises SchemaMismatch where the database was written by a newer lrtune or another Optuna.
    """
    refuse_foreign(database)
    with _one_at_a_time:
        _upgrade(database)


def _upgrade(database: Database) -> None:
    try:
        with database.read() as connection:
            there = optuna_tables.are_there(connection)
        if not there:
            optuna_tables.create(database.url)
        if is_current(database):
            return
        with database.transaction() as connection:
            upgrade_ours(connection)
            adoption_record.note_nothing_to_convert(connection, time.time())
    except (SQLAlchemyError, StorageInternalError) as error:
        raise StorageUnavailable(f"cannot create tables in {database.shown_url}: {first_line(error)}") from error


def upgrade_ours(connection: Connection, revision: str = "head") -> None:
    """Bring our tables to a revision, in the connection's transaction. Optuna's are left alone."""
    command.upgrade(_config_for(connection), revision)


def downgrade_ours(connection: Connection, revision: str) -> None:
    """Take our tables back to a revision, in the connection's transaction; `base` removes them."""
    command.downgrade(_config_for(connection), revision)


def refuse_foreign(database: Database) -> None:
    """Raise SchemaMismatch where `upgrade` would; look only."""
    with database.read() as connection:
        found = versions(connection)
        local_times_by = adoption_record.local_times_by(connection)
    if found.of_newer_lrtune:
        raise SchemaMismatch(
            f"{database.shown_url} was written by a newer lrtune (schema {found.lrtune}); upgrade this installation"
        )
    if found.optuna is not None and found.optuna != found.optuna_head:
        if not optuna_tables.is_older(found.optuna):
            raise SchemaMismatch(
                f"{database.shown_url} was written by a newer Optuna (schema {found.optuna}); upgrade this installation"
            )
        raise SchemaMismatch(
            f"{database.shown_url} was written by an older Optuna ({found.set_up_by}); take it over with "
            f"`lrtune db adopt --storage {database.shown_url}`"
        )
    if local_times_by is not None:
        raise SchemaMismatch(
            f"{database.shown_url} was set up by Optuna {local_times_by}, which stores local times, where lrtune and "
            f"Optuna 5 store UTC; take it over with `lrtune db adopt --storage {database.shown_url}`"
        )


def is_current(database: Database) -> bool:
    """Whether our tables are at this version's revision."""
    with database.read() as connection:
        return _version(connection) == revisions()[-1]


def _version(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config


def _config_for(connection: Connection) -> Config:
    """What `migrations/env.py` runs with."""
    config = _config()
    options = {"target_metadata": metadata, "render_as_batch": True, **_OPTIONS}
    config.attributes.update(connection=connection, options=options)
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def check_can_open(url: str) -> None:
    """Raise StorageUrlInvalid, StorageUnavailable or SchemaMismatch where `url` names nothing that can be served."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        folder = Path(parsed.database or "").absolute().parent
        if not folder.is_dir():
            raise StorageUnavailable(f"the folder {folder} does not exist: create it, or name another file")
    database = Database(url)
    try:
        database.check_suits()
        refuse_foreign(database)
    finally:
        database.close()
