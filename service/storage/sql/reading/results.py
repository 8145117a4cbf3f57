"""How far studies have come, for lists: counted by the database, a statement for all of them, no trial is loaded."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, Select, func, select

from lrtune.service.storage.schema import optuna_tables, tables

PIECES = 24
"""Into so many runs of trials a study is cut for its line of best values."""


@dataclass(frozen=True, slots=True)
class StudyTimes:
    """When a study was made and last changed, in seconds since the epoch; each change has a version of its own."""

    study_id: int
    version: int
    created_at: float
    updated_at: float


@dataclass(slots=True)
class StudyResults:
    """What a study's trials came to."""

    states: Counter[TrialState] = field(default_factory=Counter)
    """Trials by Optuna's states: pruned ones are those that diverged and those that were to be short, too."""
    pieces: list[tuple[float, float, float]] = field(default_factory=list)
    """(share of the study's trials, least value, greatest value) of each run of trials of which one is complete."""


def read_times(connection: Connection, study_ids: Sequence[int] | None = None) -> list[StudyTimes]:
    """Those of all studies that lrtune made, or of up to 500 by their ids."""
    own = tables.studies.c
    query = select(own.study_id, own.version, own.created_at, own.updated_at)
    if study_ids is not None:
        query = query.where(own.study_id.in_(study_ids))
    return [StudyTimes(*row) for row in connection.execute(query)]


def read_results(connection: Connection, study_ids: Sequence[int]) -> dict[int, StudyResults]:
    """What the trials of up to 500 studies came to, by id. Costs two look-ups in an index for each of the trials."""
    results = {study_id: StudyResults() for study_id in study_ids}
    theirs = optuna_tables.trials.c
    counted = select(theirs.study_id, theirs.state, func.count()).where(theirs.study_id.in_(study_ids))
    for study_id, state, count in connection.execute(counted.group_by(theirs.study_id, theirs.state)):
        results[study_id].states[state] = count
    for study_id, piece, least, greatest in connection.execute(_pieces(study_ids)):
        share = min(1.0, (piece + 1) / PIECES)
        results[study_id].pieces.append((share, least, greatest))
    return results


def _pieces(study_ids: Sequence[int]) -> Select[Any]:
    """(study id, number of the piece, least, greatest final value); infinite values are left out."""
    trials, values = optuna_tables.trials.c, optuna_tables.values.c
    lengths = (
        select(trials.study_id, (func.max(trials.number) + 1).label("length"))
        .where(trials.study_id.in_(study_ids))
        .group_by(trials.study_id)
        .subquery()
    )
    piece = (trials.number * PIECES // lengths.c.length).label("piece")
    joined = optuna_tables.trials.join(lengths, lengths.c.study_id == trials.study_id).join(
        optuna_tables.values, (values.trial_id == trials.trial_id) & (values.objective == 0)
    )
    return (
        select(trials.study_id, piece, func.min(values.value), func.max(values.value))
        .select_from(joined)
        .where(trials.state == TrialState.COMPLETE, values.value.is_not(None))
        .group_by(trials.study_id, piece)
        .order_by(trials.study_id, piece)
    )
