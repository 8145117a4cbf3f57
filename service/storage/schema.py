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
from service.storage.database import Database
from service.storage.errors import SchemaMismatch, StorageUnavailable
from service.storage.tables import VERSION_TABLE


def upgrade(database: Database) -> None:
    """Bring the schema up to this version. The caller holds the writer lock.

    Raises SchemaMismatch where the database was written by a newer lrtune or another Optuna.
    """
    try:
        optuna_schema.create(database.url)
    except RuntimeError as error:
        raise SchemaMismatch(f"{database.shown_url}: {error}") from error
    except (SQLAlchemyError, StorageInternalError) as error:
        first = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise StorageUnavailable(f"cannot create tables in {database.shown_url}: {first}") from error
    config = _config()
    head = ScriptDirectory.from_config(config).get_current_head()
    with database.read() as connection:
        current = _version(connection)
    if current == head:
        return
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(
            f"{database.shown_url} was written by a newer lrtune (schema {current}); upgrade this installation"
        )
    with database.read() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


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
