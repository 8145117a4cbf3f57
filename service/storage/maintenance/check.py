"""Whether a database holds what it promises: the schema, and what must be true of every row."""

from collections.abc import Iterator
from dataclasses import dataclass

from optuna.trial import TrialState
from sqlalchemy import Connection, Table, func, inspect, or_, select

from lrtune.service.storage.database.read_only import read_only, shown
from lrtune.service.storage.maintenance import adoption_record, upgrade
from lrtune.service.storage.schema import codecs, optuna_tables, tables
from lrtune.service.storage.sql.reading.specs import read_spec, why_unreadable

_RESTORE = "restore the latest backup whose check was well (`lrtune db restore`), and report it as a bug"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    check: str
    found: str
    remedy: str


@dataclass(frozen=True)
class Checked:
    """A database that was looked at. It is well where nothing was found."""

    database: str
    versions: upgrade.Versions
    studies: int
    trials: int
    findings: list[Finding]


def check(url: str) -> Checked:
    """Look at the whole database, on one snapshot, beside a service that may write it. Raises StorageUnavailable."""
    with read_only(url) as connection:
        versions = upgrade.versions(connection)
        findings = [*_damage(connection), *_schema(connection, versions, shown(url))]
        if versions.optuna is None:
            return Checked(shown(url), versions, 0, 0, findings)
        studies, trials = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (optuna_tables.studies, optuna_tables.trials)
        )
        if versions.optuna == versions.optuna_head:
            findings += _optuna_rows(connection)
            if versions.lrtune in upgrade.revisions():
                findings += _our_rows(connection)
            if connection.dialect.name == "postgresql":
                findings += _sequences(connection)
        return Checked(shown(url), versions, studies, trials, findings)


def _damage(connection: Connection) -> Iterator[Finding]:
    if connection.dialect.name == "sqlite":
        for (text,) in connection.exec_driver_sql("PRAGMA integrity_check(10)"):
            if text != "ok":
                yield Finding("file", f"SQLite says: {text}", "stop the service and restore the latest backup")


def _schema(connection: Connection, versions: upgrade.Versions, database: str) -> Iterator[Finding]:
    if versions.optuna is None:
        yield Finding("optuna schema", "there are no tables of Optuna's", "run `lrtune db upgrade`")
        return
    if versions.optuna != versions.optuna_head:
        older = optuna_tables.is_older(versions.optuna)
        yield Finding(
            "optuna schema",
            f"it is {versions.optuna}, the installed Optuna works with {versions.optuna_head}",
            f"run `lrtune db adopt --storage {database}`" if older else "upgrade lrtune and its Optuna",
        )
    elif local_times_by := adoption_record.local_times_by(connection):
        yield Finding(
            "times",
            f"Optuna {local_times_by} set the database up, whose times are local, not UTC",
            f"run `lrtune db adopt --storage {database}`",
        )
    if versions.of_newer_lrtune:
        yield Finding("lrtune schema", f"revision {versions.lrtune} is of a newer lrtune", "upgrade lrtune")
    elif versions.lrtune != versions.lrtune_head:
        yield Finding(
            "lrtune schema",
            f"it is at revision {versions.lrtune or 'none'}, this lrtune works with {versions.lrtune_head}",
            "run `lrtune db upgrade`, or start the service",
        )
    else:
        for difference in upgrade.differences(connection):
            yield Finding("lrtune schema", f"a table differs: {difference}", _RESTORE)


def _optuna_rows(connection: Connection) -> Iterator[Finding]:
    trials = optuna_tables.trials.c
    place = func.row_number().over(partition_by=trials.study_id, order_by=trials.trial_id) - 1
    numbered = select(trials.study_id, trials.number, place.label("place")).subquery()
    wrong = or_(numbered.c.number.is_(None), numbered.c.number != numbered.c.place)
    for study_id, count in connection.execute(
        select(numbered.c.study_id, func.count()).where(wrong).group_by(numbered.c.study_id)
    ):
        yield Finding("trial numbers", f"{count} trials of study {study_id} are not numbered 0 to n-1", _RESTORE)
    valued = select(optuna_tables.values.c.trial_id)
    count = _count(
        connection, optuna_tables.trials, trials.state == TrialState.COMPLETE, trials.trial_id.not_in(valued)
    )
    if count:
        yield Finding("values", f"{count} complete trials have no value", _RESTORE)
    ended = trials.state.in_(codecs.FINISHED)
    count = _count(connection, optuna_tables.trials, ended, trials.datetime_complete.is_(None))
    if count:
        yield Finding("times", f"{count} finished trials have no end time", _RESTORE)
    for table in optuna_tables.all_tables:
        yield from _orphans(connection, table)


def _our_rows(connection: Connection) -> Iterator[Finding]:
    present = inspect(connection).has_table
    for table in tables.metadata.sorted_tables:
        if present(table.name):
            yield from _orphans(connection, table)
    trials, own = optuna_tables.trials.c, tables.trials.c
    joined = optuna_tables.trials.join(tables.trials, trials.trial_id == own.trial_id)
    count = _count(connection, joined, own.leased, trials.state.in_(codecs.FINISHED))
    if count:
        yield Finding("leases", f"{count} trials are leased and finished", _RESTORE)
    count = _count(connection, joined, own.leased, trials.state == TrialState.WAITING)
    if count:
        yield Finding("leases", f"{count} trials are leased and waiting to be leased", _RESTORE)
    count = _count(connection, joined, own.study_id != trials.study_id)
    if count:
        yield Finding("leases", f"{count} trials belong to another study than their leases", _RESTORE)
    yield from _specs(connection)


def _specs(connection: Connection) -> Iterator[Finding]:
    own = tables.trials.c
    rows = connection.execute(select(own.study_id, func.count()).group_by(own.study_id))
    used: dict[int, int] = {study_id: count for study_id, count in rows}  # noqa: C416
    joined = tables.trials.join(optuna_tables.trials, optuna_tables.trials.c.trial_id == own.trial_id)
    ended = select(own.study_id, func.count()).select_from(joined).group_by(own.study_id)
    rows = connection.execute(ended.where(optuna_tables.trials.c.state == TrialState.FAIL))
    failed: dict[int, int] = {study_id: count for study_id, count in rows}  # noqa: C416
    for row in connection.execute(
        select(tables.studies.c.study_id, tables.studies.c.spec, tables.studies.c.max_trials)
    ):
        try:
            spec = read_spec(row.spec)
        except ValueError as error:
            yield Finding(
                "specs", f"the spec of study {row.study_id} cannot be read: {why_unreadable(error)}", _RESTORE
            )
            continue
        # The limit may be lowered while trials run: only what is over both was never allowed.
        limits = (row.max_trials, spec.max_trials)
        count = used.get(row.study_id, 0) - (0 if spec.failed_counts else failed.get(row.study_id, 0))
        if None not in limits and count > max(limit for limit in limits if limit is not None):
            yield Finding(
                "budget",
                f"study {spec.name} has {count} trials that count, and a max_trials of {row.max_trials}",
                "if it was raised and lowered again, PATCH it to what was meant; else report it as a bug",
            )


def _orphans(connection: Connection, table: Table) -> Iterator[Finding]:
    """Rows whose trial or study is gone."""
    for parent, column in ((optuna_tables.trials, "trial_id"), (optuna_tables.studies, "study_id")):
        if column in table.c and table is not parent:
            count = _count(connection, table, table.c[column].not_in(select(parent.c[column])))
            if count:
                noun = parent.name.removesuffix("s")
                yield Finding("orphans", f"{count} rows of {table.name} belong to no {noun}", _RESTORE)


def _sequences(connection: Connection) -> Iterator[Finding]:
    for table in (*optuna_tables.all_tables, tables.audit):
        if not inspect(connection).has_table(table.name):
            continue
        column = next(iter(table.primary_key.columns)).name
        sequence = connection.exec_driver_sql(
            "SELECT pg_get_serial_sequence(%(table)s, %(column)s)", {"table": table.name, "column": column}
        ).scalar()
        if sequence is None:
            continue
        last = connection.exec_driver_sql(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")
        largest = connection.execute(select(func.max(table.c[column]))).scalar() or 0
        if largest > last.scalar_one():
            yield Finding(
                "sequences",
                f"the next {column} that PostgreSQL gives is taken already",
                f"SELECT setval('{sequence}', {largest})",
            )


def _count(connection: Connection, source: object, *conditions: object) -> int:
    query = select(func.count()).select_from(source).where(*conditions)  # type: ignore[arg-type]
    found: int = connection.execute(query).scalar_one()
    return found
