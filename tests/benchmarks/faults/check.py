"""What must hold after a fault: the journals of the load, compared with the database."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, create_engine, select

from lrtune.service.storage.schema import optuna_tables, tables

_MOST_SHOWN = 20

Entry = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """A study as the database has it; lists are in the order of trial ids."""

    numbers: list[int]
    states: list[str]
    leased: list[bool]
    final_values: dict[int, list[float]]
    """Final values by trial number."""
    reports: dict[tuple[int, int], list[float]]
    """Values by (trial number, step)."""
    superseded: dict[tuple[int, int], list[float]]
    """Likewise, of leases that were lost."""


def read_rows(url: str, study: str) -> Rows:
    """Read the study past the service, from the database itself."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return _read(connection, study)
    finally:
        engine.dispose()


def _read(connection: Connection, study: str) -> Rows:
    trials, ours = optuna_tables.trials.c, tables.trials.c
    of_study = (
        select(optuna_tables.studies.c.study_id).where(optuna_tables.studies.c.study_name == study).scalar_subquery()
    )
    rows = connection.execute(
        select(trials.trial_id, trials.number, trials.state, ours.leased)
        .join_from(optuna_tables.trials, tables.trials, trials.trial_id == ours.trial_id, isouter=True)
        .where(trials.study_id == of_study)
        .order_by(trials.trial_id)
    ).all()
    number_of = {row.trial_id: row.number for row in rows}
    ids = select(trials.trial_id).where(trials.study_id == of_study)
    final_values: dict[int, list[float]] = defaultdict(list)
    for trial_id, value in connection.execute(_columns(optuna_tables.values, ids, "value")):
        final_values[number_of[trial_id]].append(value)
    return Rows(
        numbers=[row.number for row in rows],
        states=[row.state.name for row in rows],
        leased=[bool(row.leased) for row in rows],
        final_values=final_values,
        reports=_by_step(connection, number_of, ids, optuna_tables.intermediate_values, "intermediate_value"),
        superseded=_by_step(connection, number_of, ids, tables.superseded_reports, "value"),
    )


def _by_step(connection: Connection, number_of: dict[int, int], ids: Any, table: Any, column: str) -> Any:
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    for trial_id, step, value in connection.execute(_columns(table, ids, "step", column)):
        found[number_of[trial_id], step].append(value)
    return found


def _columns(table: Any, ids: Any, *names: str) -> Any:
    return select(table.c.trial_id, *(table.c[name] for name in names)).where(table.c.trial_id.in_(ids))


def violations(rows: Rows, journal: Iterable[Entry], max_trials: int) -> list[str]:
    """What does not hold, in words; empty where all does. The study must have ended, the load been told so."""
    entries = list(journal)
    found = [f"{entry['worker']} had to handle: {entry['text']}" for entry in entries if entry["kind"] == "error"]
    found += _of_trials(rows, max_trials)
    found += _of_reports(rows, [entry for entry in entries if entry["kind"] == "report"])
    found += _of_results(rows, [entry for entry in entries if entry["kind"] == "result"])
    return [*found[:_MOST_SHOWN], *([f"… and {len(found) - _MOST_SHOWN} more"] if len(found) > _MOST_SHOWN else [])]


def _of_trials(rows: Rows, max_trials: int) -> list[str]:
    found = []
    if rows.numbers != list(range(len(rows.numbers))):
        found.append(f"trial numbers do not run from 0: {rows.numbers}")
    if len(rows.numbers) != max_trials:
        found.append(f"{len(rows.numbers)} trials where max_trials is {max_trials}")
    for number, state, leased in zip(rows.numbers, rows.states, rows.leased, strict=True):
        if leased and state != "RUNNING":
            found.append(f"trial {number} is leased and {state}")
        elif state != "COMPLETE":
            found.append(f"trial {number} is {state} at the study's end")
    return found


def _of_reports(rows: Rows, reports: Sequence[Entry]) -> list[str]:
    found = [f"trial {n} has {len(v)} reports at step {step}" for (n, step), v in rows.reports.items() if len(v) > 1]
    for entry in reports:
        place = entry["number"], entry["step"]
        copies = [*rows.reports.get(place, ()), *rows.superseded.get(place, ())].count(entry["value"])
        if copies != 1:
            found.append(
                f"the report of {entry['worker']} for trial {place[0]}, step {place[1]} is there {copies} times"
            )
    told = {(entry["number"], entry["step"]) for entry in reports}
    untold = sorted(rows.reports.keys() - told)
    return found + [f"the report for trial {n}, step {step} was acknowledged to nobody" for n, step in untold]


def _of_results(rows: Rows, results: Sequence[Entry]) -> list[str]:
    times = Counter(entry["number"] for entry in results)
    found = [f"the result of trial {number} was acknowledged {n} times" for number, n in times.items() if n > 1]
    for entry in results:
        kept = rows.final_values.get(entry["number"], [])
        if kept != [entry["value"]]:
            found.append(f"trial {entry['number']} has final values {kept}, not [{entry['value']}]")
    untold = sorted(set(rows.numbers) - times.keys())
    return found + [f"the result of trial {number} was acknowledged to nobody" for number in untold]
