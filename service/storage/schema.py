"""Creating and upgrading the schema: Optuna's tables by Optuna, ours by Alembic with a version table of its own."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.exceptions import StorageInternalError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

import migrations
from service.storage import optuna_schema
from service.storage.database import Database, parse_url
from service.storage.errors import SchemaMismatch, StorageUnavailable
from service.storage.tables import VERSION_TABLE


def upgrade(database: Database) -> None:
    """Bring the schema up to this version. The caller holds the writer lock.

    Raises SchemaMismatch where the database was written by a newer lrtune or another Optuna.
    """
    refuse_foreign(database)
    try:
        optuna_schema.create(database.url)
    except (SQLAlchemyError, StorageInternalError) as error:
        first = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorageUnavailable(f"cannot create tables in {database.shown_url}: {first}") from error
    if is_current(database):
        return
    config = _config()
    with database.read() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def refuse_foreign(database: Database) -> None:
    """Raise SchemaMismatch where `upgrade` would; look only."""
    with database.read() as connection:
        current = _version(connection)
        other_optuna = optuna_schema.is_other_version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(
            f"{database.shown_url} was written by a newer lrtune (schema {current}); upgrade this installation"
        )
    if other_optuna:
        raise SchemaMismatch(
            f"{database.shown_url} was written by another Optuna version; bring it to this one's with "
            "`optuna storage upgrade --storage URL`"
        )


def is_current(database: Database) -> bool:
    """Whether our tables are at this version's revision."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with database.read() as connection:
        return _version(connection) == head


def _version(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    return config


def check_can_open(url: str) -> None:
    """Raise StorageUrlInvalid, StorageUnavailable or SchemaMismatch where `url` names nothing that can be served."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        folder = Path(parsed.database or "").absolute().parent
        if not folder.is_dir():
            raise StorageUnavailable(f"the folder {folder} does not exist: create it, or name another file")
    database = Database(url)
    try:
        refuse_foreign(database)
    finally:
        database.close()
