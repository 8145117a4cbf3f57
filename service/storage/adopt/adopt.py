"""Taking over a database that Optuna 4 or 5 wrote.

Its tables are brought to the installed Optuna's schema by Optuna itself, ours are added, times that Optuna 4 stored in
local time become UTC once, and studies that lrtune can express get a spec, so that they can be used over HTTP.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from optuna.trial import TrialState
from sqlalchemy import Connection, Select, bindparam, func, insert, inspect, not_, select, update

from lrtune.service.storage.adopt.specs import Inexpressible, spec_of
from lrtune.service.storage.adopt.times import Conversion, Example, local_rows
from lrtune.service.storage.adopt.zones import Zones
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import read_only, shown
from lrtune.service.storage.errors import SchemaMismatch, StorageError, WriterBusy
from lrtune.service.storage.maintenance import adoption_record, upgrade
from lrtune.service.storage.maintenance.adoption_record import Adoption, Times
from lrtune.service.storage.memory.actor import ACTING
from lrtune.service.storage.schema import codecs, optuna_tables, tables
from lrtune.service.storage.sql.deleted import is_deleted
from lrtune.service.storage.sql.writing.rows import audit_row
from lrtune.service.wire.studies import StudySpec


@dataclass(frozen=True)
class Wanted:
    """What the caller asked for."""

    zones: Zones = field(default_factory=Zones)
    times: Times | None = None
    """Whether the stored times are local or UTC; None to go by the Optuna that set the database up."""
    fail_running: bool = False
    """Whether trials that are running, their processes long gone, are ended as failed."""


@dataclass(frozen=True)
class AdoptedStudy:
    """A study that had no spec."""

    study_id: int
    name: str
    trials: int
    running: int
    spec: StudySpec | None
    why_not: str | None
    """Why it is left to Optuna."""


@dataclass(frozen=True)
class Outcome:
    """What adopting did, or would do."""

    database: str
    set_up_by: str
    """The Optuna that had set the database up."""
    optuna_schema: str
    optuna_schema_wanted: str
    times: Times
    timezones: dict[str, str]
    already_converted: bool
    trials_converted: int
    ambiguous_times: int
    example: Example | None
    trials_failed: int
    studies: list[AdoptedStudy] | None
    """None where it cannot be told before Optuna's schema is upgraded."""


def plan(url: str, wanted: Wanted, now: float) -> Outcome:
    """What `adopt` would do; changes nothing. Raises StorageError."""
    with read_only(url) as connection:
        found = _check(connection, url)
        outcome = _outcome(connection, found, url, wanted)
        _refuse_unknown_studies(connection, wanted)
        return _look(connection, outcome, wanted, now, studies=found.optuna == found.optuna_head)


def adopt(url: str, wanted: Wanted, now: float) -> Outcome:
    """Take the database over. Raises StorageError; what was begun is finished by the next call."""
    plan(url, wanted, now)  # What would be refused is refused before a file or a lock is made.
    database = Database(url)
    try:
        try:
            database.acquire()
        except WriterBusy:
            raise WriterBusy(f"a service writes {shown(url)}: stop it, then adopt") from None
        planned = plan(url, wanted, now)  # Another may have adopted it meanwhile; under the lock nobody does.
        with database.transaction() as connection:
            upgrade.upgrade_ours(connection)
            if not planned.already_converted:
                # From here on what Optuna says about itself may change: keep what it said before.
                begun = Adoption(planned.set_up_by, planned.times, planned.timezones, 0, now, None)
                adoption_record.write(connection, begun)
        if planned.optuna_schema != planned.optuna_schema_wanted:
            optuna_tables.upgrade_tables(database.url)
        with database.transaction() as connection:
            return _take_over(connection, planned, wanted, now)
    finally:
        database.close()


def _take_over(connection: Connection, planned: Outcome, wanted: Wanted, now: float) -> Outcome:
    outcome = _look(connection, planned, wanted, now, studies=True, then=_write_times)
    if wanted.fail_running:
        table = optuna_tables.trials
        ended = {"state": TrialState.FAIL, "datetime_complete": codecs.show_time(now)}
        connection.execute(update(table).where(table.c.trial_id.in_(_running_trials(connection))).values(ended))
    for study in outcome.studies or ():
        if study.spec is not None:
            _insert_spec(connection, study, study.spec, now)
    note = adoption_record.read(connection)
    if note is not None and note.finished_at is None:
        adoption_record.write(connection, replace(note, trials_converted=outcome.trials_converted, finished_at=now))
    return outcome


def _write_times(connection: Connection, rows: list[dict[str, Any]]) -> None:
    table = optuna_tables.trials
    statement = update(table).where(table.c.trial_id == bindparam("of_trial"))
    times: dict[str, Any] = {"datetime_start": bindparam("start"), "datetime_complete": bindparam("complete")}
    connection.execute(statement.values(times), rows)


def _check(connection: Connection, url: str) -> upgrade.Versions:
    found = upgrade.versions(connection)
    if found.optuna is None:
        if inspect(connection).has_table(optuna_tables.studies.name):
            raise SchemaMismatch(
                f"{shown(url)} was written by an Optuna older than 0.9; run `optuna storage upgrade` on it first"
            )
        raise SchemaMismatch(f"{shown(url)} holds no Optuna studies; for a new database, run `lrtune db upgrade`")
    if found.optuna != found.optuna_head and not optuna_tables.is_older(found.optuna):
        raise SchemaMismatch(f"{shown(url)} was written by a newer Optuna (schema {found.optuna}); upgrade lrtune")
    if found.of_newer_lrtune:
        raise SchemaMismatch(f"{shown(url)} was written by a newer lrtune (schema {found.lrtune}); upgrade lrtune")
    return found


def _outcome(connection: Connection, found: upgrade.Versions, url: str, wanted: Wanted) -> Outcome:
    note = adoption_record.read(connection)
    done = note is not None and note.finished_at is not None
    if note is not None and done:
        if wanted.times not in (None, note.times):
            raise StorageError(f"the times of {shown(url)} were dealt with already, as {note.times}; leave --times out")
        times: Times = note.times
        timezones = dict(note.timezones)
    else:
        set_up_by = note.set_up_by if note is not None else found.set_up_by
        guess: Times = "local" if adoption_record.wrote_local_times(set_up_by) else "utc"
        times = wanted.times or guess
        timezones = wanted.zones.names() if times == "local" else {}
    return Outcome(
        database=shown(url),
        set_up_by=note.set_up_by if note is not None else found.set_up_by or "of unknown version",
        optuna_schema=found.optuna or "",
        optuna_schema_wanted=found.optuna_head,
        times=times,
        timezones=timezones,
        already_converted=done,
        trials_converted=0,
        ambiguous_times=0,
        example=None,
        trials_failed=0,
        studies=None,
    )


def _look(
    connection: Connection,
    outcome: Outcome,
    wanted: Wanted,
    now: float,
    *,
    studies: bool,
    then: Callable[[Connection, list[dict[str, Any]]], None] | None = None,
) -> Outcome:
    """The outcome with what the trials and studies say; `then` gets the rows with their times in UTC."""
    new_studies = list(_new_studies(connection)) if studies else None
    if wanted.fail_running:
        running = select(func.count()).select_from(_running_trials(connection).subquery())
        outcome = replace(outcome, trials_failed=connection.execute(running).scalar_one())
    outcome = replace(outcome, studies=new_studies)
    if outcome.already_converted or outcome.times == "utc":
        return outcome
    conversion = Conversion(dict(_study_names(connection)), wanted.zones, now)
    for chunk in local_rows(connection):
        rows = [conversion.convert(row) for row in chunk]
        if then is not None:
            then(connection, rows)
    return replace(
        outcome,
        trials_converted=conversion.trials,
        ambiguous_times=conversion.ambiguous,
        example=conversion.example,
    )


# Studies


def _study_names(connection: Connection) -> Iterable[tuple[int, str]]:
    columns = optuna_tables.studies.c
    query = select(columns.study_id, columns.study_name).where(not_(is_deleted()))
    for row in connection.execute(query.order_by(columns.study_id)):
        yield row.study_id, row.study_name


def _refuse_unknown_studies(connection: Connection, wanted: Wanted) -> None:
    known = {name for _, name in _study_names(connection)}
    for study in wanted.zones.by_study:
        if study not in known:
            raise StorageError(f"--timezone names the study {study!r}, which the database does not have")


def _new_studies(connection: Connection) -> Iterator[AdoptedStudy]:
    trials = optuna_tables.trials.c
    known: set[int] = set()
    if inspect(connection).has_table(tables.studies.name):
        known = set(connection.execute(select(tables.studies.c.study_id)).scalars())
    rows = connection.execute(
        select(trials.study_id, trials.state, func.count()).group_by(trials.study_id, trials.state).order_by("study_id")
    ).all()
    counts = {study: {row[1]: row[2] for row in found} for study, found in groupby(rows, lambda row: row[0])}
    for study_id, name in list(_study_names(connection)):
        if study_id in known:
            continue
        count = counts.get(study_id, {})
        spec, why_not = None, None
        try:
            spec = spec_of(connection, study_id, name)
        except Inexpressible as reason:
            why_not = str(reason)
        running = count.get(TrialState.RUNNING, 0)
        yield AdoptedStudy(study_id, name, sum(count.values()), running, spec, why_not)


def _insert_spec(connection: Connection, study: AdoptedStudy, spec: StudySpec, now: float) -> None:
    trials = optuna_tables.trials.c
    first = connection.execute(select(func.min(trials.datetime_start)).where(trials.study_id == study.study_id))
    created_at = codecs.read_time(first.scalar())
    connection.execute(
        insert(tables.studies).values(
            study_id=study.study_id,
            spec=spec.model_dump_json(),
            max_trials=None,
            max_total_steps=None,
            paused=False,
            stopped=False,
            description=spec.description,
            version=0,
            created_at=now if created_at is None else created_at,
            updated_at=now,
        )
    )
    after = {"trials": study.trials, **spec.model_dump(mode="json", exclude={"name"})}
    _, entry = audit_row(ACTING.get(), now, "study.adopt", study.name, None, after)
    connection.execute(insert(tables.audit), entry)


def _running_trials(connection: Connection) -> Select[tuple[int]]:
    """Trials that nobody can end any more: running, and not on a lease of ours."""
    trials = optuna_tables.trials.c
    found = select(trials.trial_id).where(trials.state == TrialState.RUNNING)
    if inspect(connection).has_table(tables.trials.name):
        found = found.where(trials.trial_id.not_in(select(tables.trials.c.trial_id)))
    return found
