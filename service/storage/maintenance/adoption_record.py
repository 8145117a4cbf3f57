"""Whether a database still has times that Optuna 4 wrote.

Optuna up to 4 stores a trial's start and end as the writing machine's local time, without its zone; Optuna 5 and
lrtune store UTC, in the same columns of the same schema, and no migration converts the old ones. What was done about
it is noted in `lrtune_adoption`, so that it is done once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Select, delete, func, insert, inspect, or_, select

from lrtune.service.storage.schema import optuna_tables, tables

Times = Literal["local", "utc"]

_FIRST_WITH_UTC = 5


@dataclass(frozen=True)
class Adoption:
    """What is noted of an adoption."""

    set_up_by: str
    """The version of the Optuna that had created or last upgraded the tables."""
    times: Times
    timezones: Mapping[str, str]
    """The zone of a study's old times by the study's name, and of all others under the empty name."""
    trials_converted: int
    begun_at: float
    """Seconds since the epoch."""
    finished_at: float | None
    """None while it is under way, or where it was cut short."""


def read(connection: Connection) -> Adoption | None:
    """The note; None where there is none."""
    table = tables.adoption
    if not inspect(connection).has_table(table.name):
        return None
    row = connection.execute(select(table)).one_or_none()
    if row is None:
        return None
    return Adoption(
        row.set_up_by, row.times, json.loads(row.timezones), row.trials_converted, row.begun_at, row.finished_at
    )


def write(connection: Connection, adoption: Adoption) -> None:
    """Note it, in place of what was noted before."""
    table = tables.adoption
    connection.execute(delete(table))
    connection.execute(
        insert(table).values(
            adoption_id=1,
            set_up_by=adoption.set_up_by[:64],
            times=adoption.times,
            timezones=json.dumps(dict(adoption.timezones)),
            trials_converted=adoption.trials_converted,
            begun_at=adoption.begun_at,
            finished_at=adoption.finished_at,
        )
    )


def wrote_local_times(set_up_by: str | None) -> bool:
    """Whether an Optuna of that version stored local times. One that noted no version is older than any that did."""
    major = (set_up_by or "0").partition(".")[0]
    return not major.isdigit() or int(major) < _FIRST_WITH_UTC


def timed_elsewhere(connection: Connection) -> Select[tuple[int]]:
    """The ids of the trials that have a time and were never leased by lrtune, which stores UTC."""
    trials = optuna_tables.trials.c
    found = select(trials.trial_id).where(
        or_(trials.datetime_start.is_not(None), trials.datetime_complete.is_not(None))
    )
    if inspect(connection).has_table(tables.trials.name):
        found = found.where(trials.trial_id.not_in(select(tables.trials.c.trial_id)))
    return found


def local_times_by(connection: Connection) -> str | None:
    """The version of the Optuna whose local times are still in the database; None where there are none."""
    adoption = read(connection)
    if adoption is not None and adoption.finished_at is not None:
        return None
    version = adoption.set_up_by if adoption is not None else optuna_tables.set_up_by(connection)
    if adoption is not None and adoption.times == "utc":
        return None
    if adoption is None and not wrote_local_times(version):
        return None
    if not inspect(connection).has_table(optuna_tables.trials.name):
        return None
    waiting = connection.execute(select(func.count()).select_from(timed_elsewhere(connection).limit(1).subquery()))
    return (version or "of unknown version") if waiting.scalar() else None


def note_nothing_to_convert(connection: Connection, now: float) -> None:
    """Note that whatever comes will be UTC, in a database of an old Optuna that has no times yet."""
    version = optuna_tables.set_up_by(connection)
    if version is not None and wrote_local_times(version) and read(connection) is None:
        write(connection, Adoption(version, "utc", {}, 0, now, now))
