"""Reading studies from the database by whole sets of rows, not object by object."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func, select

from service.storage import guards, tables
from service.storage import optuna_schema as optuna
from service.storage.mirror import StudyMirror, TrialMirror, Work
from service.wire.studies import StudySpec

_WORK_COLUMNS = tuple(name for name in Work.__slots__ if name != "expires_at")


def study_names(connection: Connection) -> dict[int, str]:
    """All studies' names by id."""
    rows = connection.execute(select(optuna.studies.c.study_id, optuna.studies.c.study_name))
    return {row.study_id: row.study_name for row in rows}


def largest_ids(connection: Connection) -> tuple[int, int]:
    """The largest study id and trial id that are in use or given to somebody, 0 where there is none."""
    study = connection.execute(select(func.max(optuna.studies.c.study_id))).scalar() or 0
    trial = connection.execute(select(func.max(optuna.trials.c.trial_id))).scalar() or 0
    if connection.dialect.name == "postgresql":
        study = max(study, guards.last_granted(connection, "studies"))
        trial = max(trial, guards.last_granted(connection, "trials"))
    return study, trial


def _misnumbered(connection: Connection, study: StudyMirror) -> list[dict[str, int]]:
    """Where the study's numbers in the database differ from the mirror's, which counts its trials by their ids: what
    to write there, as rows of RENUMBER_TRIAL."""
    columns = optuna.trials.c
    query = select(columns.number).where(columns.study_id == study.study_id).order_by(columns.trial_id)
    stored = connection.execute(query).scalars().all()
    return [
        {"of_trial_id": trial.trial_id, "number": trial.number}
        for trial, number in zip(study.trials, stored, strict=True)
        if trial.number != number
    ]


def studies_with_leases(connection: Connection) -> list[int]:
    """The ids of the studies that have trials out on lease."""
    columns = tables.trials.c
    return list(connection.execute(select(columns.study_id).where(columns.leased).distinct()).scalars())


def load_study(connection: Connection, study_id: int, now: float) -> StudyMirror | None:
    """The study with all its trials, or None where there is no such study.

    Leases found in the database are renewed at `now` for the study's whole time to live: how long the service was
    away is not held against its workers.
    """
    columns = optuna.studies.c
    name = connection.execute(select(columns.study_name).where(columns.study_id == study_id)).scalar()
    if name is None:
        return None
    directions = connection.execute(
        select(optuna.directions.c.direction)
        .where(optuna.directions.c.study_id == study_id)
        .order_by(optuna.directions.c.objective)
    ).scalars()
    study = StudyMirror(
        study_id=study_id,
        name=name,
        directions=list(directions),
        user_attrs=_study_attrs(connection, optuna.study_user_attrs, study_id),
        system_attrs=_study_attrs(connection, optuna.study_system_attrs, study_id),
    )
    _load_spec(connection, study)
    for trial in load_trials(connection, study_id):
        if trial.work is not None and trial.work.leased:
            if trial.state.is_finished():  # By another process; its lease is void.
                trial.work.leased = False
                study.cache.setdefault("lapsed", []).append(trial)
            elif study.spec is not None:
                trial.work.expires_at = now + study.spec.lease_ttl_seconds
        study.enter(trial)
    if study.spec is not None and study.spec.pruner.name == "auto":
        study.index_curves()
    study.cache["misnumbered"] = _misnumbered(connection, study)
    return study


def _load_spec(connection: Connection, study: StudyMirror) -> None:
    row = connection.execute(select(tables.studies).where(tables.studies.c.study_id == study.study_id)).one_or_none()
    if row is None:
        return
    study.spec = StudySpec.model_validate_json(row.spec)
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


def load_trials(connection: Connection, study_id: int, only: Sequence[int] | None = None) -> Iterable[TrialMirror]:
    """The study's trials by their ids, numbered from 0; with `only`, at most a thousand of them."""
    columns = optuna.trials.c
    of_study = columns.study_id == study_id if only is None else columns.trial_id.in_(only)
    rows = connection.execute(
        select(columns.trial_id, columns.state, columns.datetime_start, columns.datetime_complete)
        .where(of_study)
        .order_by(columns.trial_id)
    ).all()
    ids = select(columns.trial_id).where(of_study)

    def children(table: Table, *names: str, order: str | None = None) -> dict[int, list[tuple[Any, ...]]]:
        query = select(*(table.c[name] for name in ("trial_id", *names))).where(table.c.trial_id.in_(ids))
        if order is not None:
            query = query.order_by(table.c[order])
        found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        for row in connection.execute(query):
            found[row[0]].append(tuple(row))
        return found

    params = children(optuna.params, "param_name", "param_value", "distribution_json", order="param_id")
    values = children(optuna.values, "value", "value_type", order="objective")
    curves = children(optuna.intermediate_values, "step", "intermediate_value", "intermediate_value_type")
    user_attrs = children(optuna.trial_user_attrs, "key", "value_json")
    system_attrs = children(optuna.trial_system_attrs, "key", "value_json")
    work = children(tables.trials, *_WORK_COLUMNS)

    for number, row in enumerate(rows):
        trial_id = row.trial_id
        trial = TrialMirror(trial_id, number, row.state)
        trial.started_at = optuna.read_time(row.datetime_start)
        trial.finished_at = optuna.read_time(row.datetime_complete)
        for _, name, value, distribution_json in params.get(trial_id, ()):
            distribution = optuna.read_distribution(distribution_json)
            trial.distributions[name] = distribution
            trial.params[name] = distribution.to_external_repr(value)
        if trial_id in values:
            trial.values = [optuna.read_value(value, kind) for _, value, kind in values[trial_id]]
        trial.intermediate = {
            step: optuna.read_intermediate(value, kind) for _, step, value, kind in curves.get(trial_id, ())
        }
        trial.measure_curve()
        trial.user_attrs = {key: json.loads(text) for _, key, text in user_attrs.get(trial_id, ())}
        trial.system_attrs = {key: json.loads(text) for _, key, text in system_attrs.get(trial_id, ())}
        for found in work.get(trial_id, ()):
            trial.work = Work(**dict(zip(_WORK_COLUMNS, found[1:], strict=True)))
        yield trial
