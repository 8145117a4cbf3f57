"""What other processes can have written, read by the keys that tell what is new: never a whole study."""

from collections.abc import Sequence
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, Table, func, select

from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.schema import optuna_tables
from lrtune.service.storage.sql.reading import studies

_CHUNK = 500
MAX_NEW = 1000
"""New trials of a study taken in at one look; the rest follow at the next."""


def newest_trials(connection: Connection, since: int, largest: int) -> dict[int, int]:
    """The largest trial id of each study that has one past `since`."""
    columns = optuna_tables.trials.c
    # The order and the limit, of no effect otherwise, lead the planner along the primary key.
    latest = select(columns.study_id, columns.trial_id).where(columns.trial_id > since)
    recent = latest.order_by(columns.trial_id.desc()).limit(max(1, largest - since)).subquery()
    query = select(recent.c.study_id, func.max(recent.c.trial_id)).group_by(recent.c.study_id)
    return {row.study_id: row[1] for row in connection.execute(query)}


def ids_after(connection: Connection, study_id: int, trial_id: int) -> list[int]:
    """The ids of the study's trials past `trial_id`, the first MAX_NEW of them."""
    columns = optuna_tables.trials.c
    # + 0: by the primary key from the newest known on; see lrtune.service.storage.sql.writing.conflicts.
    query = select(columns.trial_id).where(columns.study_id + 0 == study_id, columns.trial_id > trial_id)
    return list(connection.execute(query.order_by(columns.trial_id).limit(MAX_NEW)).scalars())


def load_trials(connection: Connection, study_id: int, ids: Sequence[int]) -> list[TrialMirror]:
    """Those trials of the study, by their ids."""
    return [
        trial
        for start in range(0, len(ids), _CHUNK)
        for trial in studies.load_trials(connection, study_id, ids[start : start + _CHUNK])
    ]


def trial_states(connection: Connection, ids: Sequence[int]) -> dict[int, TrialState]:
    """The states of the trials that there are."""
    columns = optuna_tables.trials.c
    found: dict[int, TrialState] = {}
    for start in range(0, len(ids), _CHUNK):
        query = select(columns.trial_id, columns.state).where(columns.trial_id.in_(ids[start : start + _CHUNK]))
        found.update((trial_id, state) for trial_id, state in connection.execute(query))
    return found


def study_attrs(connection: Connection, study_ids: Sequence[int]) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """The studies' user and system attributes."""
    found: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {study_id: ({}, {}) for study_id in study_ids}
    tables: tuple[Table, ...] = (optuna_tables.study_user_attrs, optuna_tables.study_system_attrs)
    for which, table in enumerate(tables):
        for start in range(0, len(study_ids), _CHUNK):
            chunk = study_ids[start : start + _CHUNK]
            for study_id, key, value in studies.study_attrs(connection, table, chunk):
                found[study_id][which][key] = value
    return found
