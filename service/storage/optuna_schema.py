"""Optuna's private schema: its tables, their stored representations and their creation.

No other module may touch Optuna's tables; a change in Optuna's schema is met here.
"""

import json
import logging
import math
import warnings
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from optuna import distributions
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import TrialState
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

DIVERGED_ATTR = "constraints:diverged"
"""A violated Optuna constraint: samplers rank the trial behind every other, and it is never the best."""

OUTCOME_ATTR = "lrtune:outcome"

AGAIN_ATTR = "lrtune:again"
"""Of a trial that trains another one again from its start: the number of the one it all began with."""

REQUEST_ATTR = "lrtune:request_id"
"""Of a trial that was enqueued or recorded: the id of the request that made it."""

FIXED_ATTR = "fixed_params"
"""Where Optuna keeps the parameters of an enqueued trial; its samplers look for it."""


def create(url: str) -> None:
    """Create and stamp Optuna's tables by Optuna's own code; check that their version is the installed one's.

    Raises RuntimeError where the database was written by another version of Optuna's schema.
    """
    storage = RDBStorage(url)
    storage.remove_session()
    storage.engine.dispose()


def revision(connection: Connection) -> str | None:
    """The revision that Optuna's tables are at; None where there are none, or none that Optuna stamped."""
    return MigrationContext.configure(connection).get_current_revision()


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


@lru_cache(maxsize=4096)
def read_distribution(text: str) -> distributions.BaseDistribution:
    """The distribution of its stored form; equal texts share one object."""
    return distributions.json_to_distribution(text)


def read_attr(text: str) -> Any:
    """A user or system attribute of its stored form."""
    return json.loads(text)


_shown: dict[int, tuple[distributions.BaseDistribution, str]] = {}
_MOST_SHOWN = 4096


def show_distribution(distribution: distributions.BaseDistribution) -> str:
    """The stored form of a distribution. Remembered by object: a study draws from the same ones again and again."""
    known = _shown.get(id(distribution))
    if known is not None and known[0] is distribution:
        return known[1]
    text = distributions.distribution_to_json(distribution)
    if len(_shown) >= _MOST_SHOWN:
        _shown.clear()
    _shown[id(distribution)] = distribution, text
    return text


def show_value(value: float) -> tuple[float | None, Any]:
    """A trial's final value as (value, type) columns."""
    return models.TrialValueModel.value_to_stored_repr(value)


def read_value(value: float | None, kind: Any) -> float:
    """The inverse of `show_value`."""
    return models.TrialValueModel.stored_repr_to_value(value, kind)


def show_intermediate(value: float) -> tuple[float | None, Any]:
    """An intermediate value as (value, type) columns; nan and infinities have types of their own."""
    return models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)


def show_intermediate_text(value: float) -> tuple[float | None, str]:
    """The same for the driver: the type by its name."""
    if math.isfinite(value):
        return value, "FINITE"
    stored, kind = show_intermediate(value)
    return stored, kind.name


def read_intermediate(value: float | None, kind: Any) -> float:
    """The inverse of `show_intermediate`."""
    return models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(value, kind)


def show_time(epoch: float | None) -> datetime | None:
    """Seconds since the epoch as Optuna 5 stores times: naive, in UTC."""
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)


def show_time_text(epoch: float | None) -> str | None:
    """The same as text, as both databases read it."""
    return (
        None
        if epoch is None
        else datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    )


def read_time(stored: datetime | None) -> float | None:
    """The inverse of `show_time`."""
    return None if stored is None else stored.replace(tzinfo=UTC).timestamp()


def local_time(epoch: float | None) -> datetime | None:
    """Seconds since the epoch as Optuna's FrozenTrial gives times: naive, in local time."""
    return None if epoch is None else datetime.fromtimestamp(epoch)


FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
