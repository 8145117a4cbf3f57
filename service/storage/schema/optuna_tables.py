"""Optuna's private schema: its tables, their stored representations and their creation.

No other module may touch Optuna's tables; a change in Optuna's schema is met here.
"""

import functools
import logging
import warnings
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from sqlalchemy import Connection, Table, inspect, select

studies: Table = models.StudyModel.__table__
directions: Table = models.StudyDirectionModel.__table__
study_user_attrs: Table = models.StudyUserAttributeModel.__table__
study_system_attrs: Table = models.StudySystemAttributeModel.__table__
trials: Table = models.TrialModel.__table__
trial_user_attrs: Table = models.TrialUserAttributeModel.__table__
trial_system_attrs: Table = models.TrialSystemAttributeModel.__table__
params: Table = models.TrialParamModel.__table__
values: Table = models.TrialValueModel.__table__
intermediate_values: Table = models.TrialIntermediateValueModel.__table__
heartbeats: Table = models.TrialHeartbeatModel.__table__
version_info: Table = models.VersionInfoModel.__table__

IntermediateKind = models.TrialIntermediateValueModel.TrialIntermediateValueType
"""How an intermediate value is stored."""

all_tables: tuple[Table, ...] = tuple(models.BaseModel.metadata.sorted_tables)
"""Every table but Alembic's, parents before children."""

VERSION_TABLE = "alembic_version"


def create(url: str) -> None:
    """Create and stamp Optuna's tables by Optuna's own code; check that their version is the installed one's.

    Raises RuntimeError where the database was written by another version of Optuna's schema.
    """
    storage = RDBStorage(url)
    storage.remove_session()
    storage.engine.dispose()


def are_there(connection: Connection) -> bool:
    """Whether all of Optuna's tables are there, at the revision that the installed Optuna works with; look only."""
    names = set(inspect(connection).get_table_names())
    return names.issuperset(table.name for table in all_tables) and revision(connection) == head()


def revision(connection: Connection) -> str | None:
    """The revision that Optuna's tables are at; None where there are none, or none that Optuna stamped."""
    return MigrationContext.configure(connection).get_current_revision()


@functools.cache  # To find it, Optuna's migrations are all imported.
def head() -> str:
    """The revision that the installed Optuna works with."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def is_older(found: str) -> bool:
    """Whether the installed Optuna can upgrade from that revision."""
    return found != head() and found in {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(models.__file__).parent / "alembic"))


def set_up_by(connection: Connection) -> str | None:
    """The version of the Optuna that created the tables or last upgraded them; None where it noted none.

    Optuna 5 has the schema of Optuna 4 and leaves this as it finds it: only here can one see that the times are local.
    """
    if not inspect(connection).has_table(version_info.name):
        return None
    found: str | None = connection.execute(select(version_info.c.library_version)).scalar()
    return found


def upgrade_tables(url: str) -> None:
    """Bring Optuna's tables to the installed Optuna's revision, by Optuna's own migrations."""
    root = logging.getLogger()
    quiet = logging.NullHandler()  # Without any handler, Optuna would configure the whole process's logging.
    root.addHandler(quiet)
    try:
        # Its migrations are meant to be run without making the tables of today first, as its own command does.
        storage = RDBStorage(url, skip_compatibility_check=True, skip_table_creation=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # It says of its own old rows that they are old.
                storage.upgrade()
        finally:
            storage.remove_session()
            storage.engine.dispose()
    finally:
        root.removeHandler(quiet)
