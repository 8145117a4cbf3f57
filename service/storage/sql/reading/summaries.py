"""What is shown of studies in lists, counted by the database: no trial is loaded for it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Connection, Row, Select, case, func, select

from lrtune.service.storage.memory.study import Tally
from lrtune.service.storage.memory.summary import StudySummary
from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.schema.attributes import EXHAUSTED_ATTR, FAILING_ATTR
from lrtune.service.storage.sql.reading.specs import read_spec
from lrtune.service.storage.sql.reading.studies import study_attrs

MOST = 500
"""Studies that are read at once."""


@dataclass(frozen=True)
class StudyHead:
    """A study as Optuna lists it."""

    study_id: int
    name: str
    directions: list[StudyDirection] = field(default_factory=list)
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)


def study_heads(connection: Connection, study_ids: Sequence[int]) -> dict[int, StudyHead]:
    """Up to MOST studies by their ids, whether lrtune created them or not."""
    studies, directions = optuna_tables.studies.c, optuna_tables.directions.c
    named = connection.execute(select(studies.study_id, studies.study_name).where(studies.study_id.in_(study_ids)))
    heads = {study_id: StudyHead(study_id, name) for study_id, name in named}
    ordered = select(directions.study_id, directions.direction).where(directions.study_id.in_(study_ids))
    for study_id, direction in connection.execute(ordered.order_by(directions.study_id, directions.objective)):
        if study_id in heads:
            heads[study_id].directions.append(direction)
    for study_id, key, value in study_attrs(connection, optuna_tables.study_user_attrs, study_ids):
        if study_id in heads:
            heads[study_id].user_attrs[key] = value
    for study_id, key, value in study_attrs(connection, optuna_tables.study_system_attrs, study_ids):
        if study_id in heads:
            heads[study_id].system_attrs[key] = value
    return heads


def read_summaries(connection: Connection, study_ids: Sequence[int]) -> dict[str, StudySummary]:
    """Up to MOST studies by name, of those with these ids that lrtune created."""
    own, studies = tables.studies.c, optuna_tables.studies.c
    joined = tables.studies.join(optuna_tables.studies, own.study_id == studies.study_id)
    query = select(tables.studies, studies.study_name).select_from(joined).where(own.study_id.in_(study_ids))
    rows = {row.study_id: row for row in connection.execute(query)}
    if not rows:
        return {}
    attrs: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for study_id, key, value in study_attrs(connection, optuna_tables.study_system_attrs, list(rows)):
        attrs[study_id][key] = value
    counts = _counted(connection, list(rows), rows, attrs)
    found = (_summary(row, attrs[study_id], counts[study_id]) for study_id, row in rows.items())
    return {summary.name: summary for summary in found if summary is not None}


@dataclass
class _Counts:
    trials: int = 0
    in_hand: bool = False
    tally: Tally = field(default_factory=Tally)


def _summary(row: Row[Any], attrs: Mapping[str, Any], counts: _Counts) -> StudySummary | None:
    try:
        spec = read_spec(row.spec)
    except ValueError:  # Listed as unreadable.
        return None
    return StudySummary(
        name=row.study_name,
        spec=spec,
        system_attrs=attrs,
        max_trials=row.max_trials,
        max_total_steps=row.max_total_steps,
        paused=row.paused,
        stopped=row.stopped,
        description=row.description,
        created_at=row.created_at,
        trial_count=counts.trials,
        in_hand=counts.in_hand,
        tally=counts.tally,
    )


def _counted(
    connection: Connection, ids: Sequence[int], rows: Mapping[int, Row[Any]], attrs: Mapping[int, Mapping[str, Any]]
) -> dict[int, _Counts]:
    """The counts of each study. What tells a finished study from a running one is only counted where it may matter: by
    far most lists need no more than two look-ups in an index."""
    counts = {study_id: _Counts() for study_id in ids}
    theirs, ours = optuna_tables.trials.c, tables.trials.c
    for study_id, count in connection.execute(_of_each(theirs.study_id, ids)):
        counts[study_id].trials = count
    for study_id, count in connection.execute(_of_each(ours.study_id, ids)):
        counts[study_id].tally.spent_trials = count
    _count_failures(connection, rows, attrs, counts)
    by_steps = [i for i in ids if rows[i].max_total_steps is not None]
    may_be_spent = [
        study_id
        for study_id in ids
        if rows[study_id].max_total_steps is not None
        or attrs.get(study_id, {}).get(EXHAUSTED_ATTR)
        or _reached(counts[study_id].tally.spent_trials, rows[study_id].max_trials)
    ]
    if may_be_spent:
        for query in (
            _of_each(ours.study_id, may_be_spent).where(ours.leased),
            _of_each(theirs.study_id, may_be_spent).where(theirs.state == TrialState.WAITING),
        ):
            for study_id, _ in connection.execute(query):
                counts[study_id].in_hand = True
    idle = [study_id for study_id in by_steps if not counts[study_id].in_hand]
    for study_id, trained, reserved in connection.execute(_steps(idle)) if idle else ():
        counts[study_id].tally.trained, counts[study_id].tally.reserved = int(trained or 0), int(reserved or 0)
    return counts


def _count_failures(
    connection: Connection,
    rows: Mapping[int, Row[Any]],
    attrs: Mapping[int, Mapping[str, Any]],
    counts: Mapping[int, _Counts],
) -> None:
    """What failed, where that may leave a place in a budget; what ended well, where failures may have stopped a
    study."""
    theirs, ours = optuna_tables.trials.c, tables.trials.c
    full = [i for i, row in rows.items() if _reached(counts[i].tally.spent_trials, row.max_trials)]
    if full:
        joined = tables.trials.join(optuna_tables.trials, theirs.trial_id == ours.trial_id)
        failed = _of_each(ours.study_id, full).select_from(joined).where(theirs.state == TrialState.FAIL)
        for study_id, count in connection.execute(failed):
            counts[study_id].tally.failed_trials = count
    failing = [i for i in rows if attrs.get(i, {}).get(FAILING_ATTR)]
    if failing:
        well = _of_each(theirs.study_id, failing).where(theirs.state.in_((TrialState.COMPLETE, TrialState.PRUNED)))
        for study_id, count in connection.execute(well):
            counts[study_id].tally.outcomes["complete"] = count  # Or pruned, or diverged: nobody asks for which.


def _reached(count: int, limit: int | None) -> bool:
    return limit is not None and count >= limit


def _of_each(column: Any, ids: Sequence[int]) -> Select[Any]:
    return select(column, func.count()).where(column.in_(ids)).group_by(column)


def _steps(ids: Sequence[int]) -> Select[Any]:
    """(study id, steps trained, steps that running trials may still train)."""
    ours, theirs, curves = tables.trials.c, optuna_tables.trials.c, optuna_tables.intermediate_values.c
    of_studies = select(ours.trial_id).where(ours.study_id.in_(ids))
    last = (
        select(curves.trial_id, func.max(curves.step).label("step"))
        .where(curves.trial_id.in_(of_studies))
        .group_by(curves.trial_id)
        .subquery()
    )
    step = func.coalesce(last.c.step, 0)
    left = case(((theirs.state == TrialState.RUNNING) & (ours.max_steps > step), ours.max_steps - step), else_=0)
    joined = tables.trials.join(optuna_tables.trials, theirs.trial_id == ours.trial_id).outerjoin(
        last, last.c.trial_id == ours.trial_id
    )
    query = select(ours.study_id, func.sum(step + ours.lost_steps), func.sum(left)).select_from(joined)
    return query.where(ours.study_id.in_(ids)).group_by(ours.study_id)
