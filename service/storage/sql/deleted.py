"""Studies that were deleted: hidden by a mark at once, their rows removed a few at a time.

A study with its trials is millions of rows, and one transaction that removes them all would keep every commit waiting.
So the deletion of all but a small one only marks the study and gives it a name that nobody asks for; whatever was not
removed when the process ended is known by that mark, and removed by the next one.
"""

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import Connection, Table, delete, exists, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.schema.attributes import DELETED_ATTR, DELETED_NAME

_TRIALS_AT_ONCE = 200
_LARGE_ROWS_AT_ONCE = 20
"""Of those tables whose rows may hold a whole curve."""

OF_TRIALS = (
    optuna_tables.intermediate_values,
    tables.superseded_reports,
    optuna_tables.params,
    optuna_tables.trial_user_attrs,
    optuna_tables.trial_system_attrs,
    optuna_tables.heartbeats,
)
"""What a trial has any number of."""

_LARGE_OF_STUDY = (tables.range_tests, optuna_tables.study_user_attrs, optuna_tables.study_system_attrs)
OF_STUDY = (*_LARGE_OF_STUDY, optuna_tables.directions, tables.history, tables.studies)
"""What a study has beside its trials."""


def deleted_name(study_id: int) -> str:
    """What a study with this id is called once it is deleted: a name that no study has."""
    return f"{DELETED_NAME}{study_id}:{uuid4().hex}"


def is_deleted() -> ColumnElement[bool]:
    """Whether a row of Optuna's studies is that of a deleted one."""
    columns, attrs = optuna_tables.studies.c, optuna_tables.study_system_attrs.c
    marked = exists().where(attrs.study_id == columns.study_id, attrs.key == DELETED_ATTR)
    return columns.study_name.startswith(DELETED_NAME) & marked


def deleted_studies(connection: Connection) -> list[int]:
    """The ids of the deleted studies that still have rows."""
    return list(connection.execute(select(optuna_tables.studies.c.study_id).where(is_deleted())).scalars())


def remove_some(connection: Connection, study_id: int, most_rows: int) -> bool:
    """Remove about `most_rows` rows of a deleted study in the open transaction; whether it has none any more.

    Also true of a study that is not deleted: of that nothing is removed. The last trials go first, and each with its
    values: what is left is numbered from 0, as the database's check expects.
    """
    studies, trials = optuna_tables.studies, optuna_tables.trials
    deleted = select(studies.c.study_id).where(studies.c.study_id == study_id, is_deleted())
    if connection.execute(deleted).first() is None:
        return True
    latest = select(trials.c.trial_id).where(trials.c.study_id == study_id).order_by(trials.c.trial_id.desc())
    ids = list(connection.execute(latest.limit(_TRIALS_AT_ONCE)).scalars())
    left = most_rows
    if ids:
        for table in OF_TRIALS:
            left -= _remove(connection, table, table.c.trial_id.in_(ids), left)
            if left <= 0:
                return False
        for table in (optuna_tables.values, tables.trials, trials):
            connection.execute(delete(table).where(table.c.trial_id.in_(ids)))
        return False
    for table in _LARGE_OF_STUDY:
        which = table.c.study_id == study_id
        if table is optuna_tables.study_system_attrs:
            which &= table.c.key != DELETED_ATTR  # It goes last, with the study itself.
        if _remove(connection, table, which, _LARGE_ROWS_AT_ONCE) == _LARGE_ROWS_AT_ONCE:
            return False
    for table in (*OF_STUDY, studies):
        connection.execute(delete(table).where(table.c.study_id == study_id))
    return True


def _remove(connection: Connection, table: Table, which: ColumnElement[bool], most: int) -> int:
    """Remove at most so many rows; how many it were."""
    keys: Sequence[ColumnElement[object]] = list(table.primary_key.columns)
    key = keys[0] if len(keys) == 1 else tuple_(*keys)
    chosen = select(*keys).where(which).limit(most)
    return connection.execute(delete(table).where(key.in_(chosen))).rowcount
