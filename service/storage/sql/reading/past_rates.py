"""The best learning rates of past studies, as they are kept in the database: a row a study and optimizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from optuna.trial import TrialState
from sqlalchemy import Connection, func, select

from lrtune.service.storage.schema import codecs, optuna_tables, tables

_MOST_ROWS = 200

Shown = Callable[[str], bool]
"""Whether somebody may see the study of that name."""


def every_study(_study: str) -> bool:
    """Who may see them all."""
    return True


def every_family(_family: str | None) -> bool:
    """Where no family is left out."""
    return True


@dataclass(frozen=True, slots=True)
class PastRate:
    """What one study found with one optimizer (`""` where it was not said). `learning_rate` is the centre of its best
    trials; None where it found nothing to tell. `trials`: complete ones behind it."""

    optimizer: str
    family: str | None
    learning_rate: float | None
    batch_size: int | None
    total_steps: int | None
    trials: int


def read_past(
    connection: Connection,
    *,
    optimizer: str | None,
    family: str | None,
    at_least: int,
    shown: Shown = every_study,
    alike: Callable[[str | None], bool] = every_family,
) -> Sequence[PastRate]:
    """What up to 200 studies found, the latest first: those with this optimizer and of this family, where given, that
    have `at_least` so many complete trials, whose names are to be `shown` and whose families are `alike`."""
    optimizer, family = codecs.storable_text(optimizer), codecs.storable_text(family)
    columns = tables.history.c
    studies = optuna_tables.studies.c
    query = (
        select(studies.study_name, *(columns[name] for name in PastRate.__slots__))
        .where(studies.study_id == columns.study_id, columns.learning_rate.is_not(None), columns.trials >= at_least)
        .order_by(columns.updated_at.desc())
    )
    if optimizer is not None:
        query = query.where(columns.optimizer == optimizer)
    if family is not None:
        query = query.where(columns.family == family)
    seen = (PastRate(*row) for name, *row in connection.execute(query) if shown(name))
    return list(islice((past for past in seen if alike(past.family)), _MOST_ROWS))


def studies_without(connection: Connection, *, at_least: int, most_studies: int, most_trials: int) -> list[int]:
    """The ids of the latest studies with `at_least` so many complete trials that have no row yet, within so many
    studies, and complete trials over all of them."""
    own, trials = tables.studies.c, optuna_tables.trials.c
    count = func.count(trials.trial_id)
    counted = (
        select(own.study_id, count)
        .join_from(tables.studies, optuna_tables.trials, own.study_id == trials.study_id)
        .where(trials.state == TrialState.COMPLETE, own.study_id.not_in(select(tables.history.c.study_id)))
        .group_by(own.study_id, own.updated_at)
        .having(count >= at_least)
        .order_by(own.updated_at.desc())
        .limit(most_studies)
    )
    chosen: list[int] = []
    for study_id, complete in connection.execute(counted):
        if complete <= most_trials:
            chosen.append(study_id)
            most_trials -= complete
    return chosen
