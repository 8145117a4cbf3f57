"""Reading studies from the database by whole sets of rows, not object by object."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, not_, select

from lrtune.service.collector import loading
from lrtune.service.storage.errors import StudyUnreadable
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.sql.deleted import is_deleted
from lrtune.service.storage.sql.reading.range_tests import read_range_tests
from lrtune.service.storage.sql.reading.sequences import last_of_sequence
from lrtune.service.storage.sql.reading.specs import read_spec, why_unreadable
from lrtune.service.storage.sql.reading.trials import read_trials


def study_names(connection: Connection) -> dict[int, str]:
    """All studies' names by id; deleted ones are none."""
    query = select(optuna_tables.studies.c.study_id, optuna_tables.studies.c.study_name)
    rows = connection.execute(query.where(not_(is_deleted())))
    return {row.study_id: row.study_name for row in rows}


def largest_ids(connection: Connection) -> tuple[int, int]:
    """The largest study id and trial id that are in use or given to somebody, 0 where there is none."""
    study = connection.execute(select(func.max(optuna_tables.studies.c.study_id))).scalar() or 0
    trial = connection.execute(select(func.max(optuna_tables.trials.c.trial_id))).scalar() or 0
    if connection.dialect.name == "postgresql":
        study = max(study, last_of_sequence(connection, "studies"))
        trial = max(trial, last_of_sequence(connection, "trials"))
    return study, trial


def studies_with_leases(connection: Connection) -> list[int]:
    """The ids of the studies that have trials out on lease."""
    columns = tables.trials.c
    return list(connection.execute(select(columns.study_id).where(columns.leased).distinct()).scalars())


def study_of_trial(connection: Connection, trial_id: int) -> int | None:
    """The id of the study that a trial belongs to; None where there is no such trial."""
    columns = optuna_tables.trials.c
    found: int | None = connection.execute(select(columns.study_id).where(columns.trial_id == trial_id)).scalar()
    return found


def load_study(connection: Connection, study_id: int) -> StudyMirror | None:
    """The study with all its trials, or None where there is no such study. When its leases end is not in the database:
    the caller gives them their time. Raises StudyUnreadable where its rows make no sense."""
    columns = optuna_tables.studies.c
    name = connection.execute(
        select(columns.study_name).where(columns.study_id == study_id, not_(is_deleted()))
    ).scalar()
    if name is None:
        return None
    try:
        with loading():
            return _load(connection, study_id, name)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StudyUnreadable(name, why_unreadable(error)) from error


def _load(connection: Connection, study_id: int, name: str) -> StudyMirror:
    directions = connection.execute(
        select(optuna_tables.directions.c.direction)
        .where(optuna_tables.directions.c.study_id == study_id)
        .order_by(optuna_tables.directions.c.objective)
    ).scalars()
    study = StudyMirror(
        study_id=study_id,
        name=name,
        directions=list(directions),
        user_attrs=_study_attrs(connection, optuna_tables.study_user_attrs, study_id),
        system_attrs=_study_attrs(connection, optuna_tables.study_system_attrs, study_id),
    )
    _load_spec(connection, study)
    study.range_tests = read_range_tests(connection, study_id)
    misnumbered: list[tuple[int, int]] = []
    lapsed: list[TrialMirror] = []
    study.enter_all(_read_all(connection, study, misnumbered, lapsed))
    study.misnumbered, study.lapsed = misnumbered, lapsed
    return study


def _read_all(
    connection: Connection,
    study: StudyMirror,
    misnumbered: list[tuple[int, int]],
    lapsed: list[TrialMirror],
) -> Iterator[TrialMirror]:
    """All trials of the study. Adds to `misnumbered` where the database numbers one differently, and to `lapsed`
    those whose lease another process made void by finishing them."""
    for page in read_trials(connection, study.study_id):
        for stored in page:
            trial = stored.trial
            if stored.stored_number != trial.number:
                misnumbered.append((trial.trial_id, trial.number))
            work = trial.work
            if work is not None and work.leased and trial.state.is_finished():
                work.leased = False
                lapsed.append(trial)
            yield trial


def _load_spec(connection: Connection, study: StudyMirror) -> None:
    row = connection.execute(select(tables.studies).where(tables.studies.c.study_id == study.study_id)).one_or_none()
    if row is None:
        return
    study.spec = read_spec(row.spec)
    for name in ("max_trials", "max_total_steps", "paused", "stopped", "description", "version"):
        setattr(study, name, getattr(row, name))
    study.created_at = row.created_at
    study.updated_at = row.updated_at


def _study_attrs(connection: Connection, table: Table, study_id: int) -> dict[str, Any]:
    return {key: value for _, key, value in study_attrs(connection, table, [study_id])}


def study_attrs(connection: Connection, table: Table, study_ids: Sequence[int]) -> Iterable[tuple[int, str, Any]]:
    """The attributes of up to a thousand studies, as (study id, key, value)."""
    columns = table.c
    query = select(columns.study_id, columns.key, columns.value_json).where(columns.study_id.in_(study_ids))
    return [(study_id, key, json.loads(value)) for study_id, key, value in connection.execute(query)]


def load_trials(connection: Connection, study_id: int, only: Sequence[int]) -> list[TrialMirror]:
    """Those trials of the study, at most a thousand, by their ids; how they are numbered is the caller's to say."""
    return [stored.trial for page in read_trials(connection, study_id, only) for stored in page]
