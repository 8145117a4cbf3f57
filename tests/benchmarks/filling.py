"""Filling a database with finished trials of one parameter and a few steps, by whole sets of rows."""

import math
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Connection, Table, create_engine, func, insert, literal, select, union_all

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.maintenance.upgrade import upgrade
from lrtune.service.storage.schema import codecs, optuna_tables, tables
from lrtune.service.wire.studies import StudySpec

STEPS = 10
LOW, HIGH = 1e-5, 1.0
PARAMETER = "learning_rate"
_CHUNK = 10_000
_TRAINED_SECONDS = 60.0


def spec_of(name: str, sampler: str = "random", pruner: str = "auto", steps: int = STEPS) -> StudySpec:
    """The spec of a filled study: one log-uniform parameter, no budget; trainings of so many steps."""
    return StudySpec.model_validate(
        {
            "name": name,
            "search_space": {PARAMETER: {"type": "float", "low": LOW, "high": HIGH, "log": True}},
            "sampler": {"name": sampler},
            "pruner": {"name": pruner},
            "max_steps": steps,
            "lease_ttl_seconds": 3600,
        }
    )


def fill(url: str, studies: Sequence[tuple[StudySpec, int]], steps: int = STEPS) -> None:
    """Create the schema in an empty database and write so many complete trials of `steps` into each of `studies`."""
    database = Database(url)
    try:
        database.acquire()
        upgrade(database)
    finally:
        database.close()
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            first = 1
            for study_id, (spec, count) in enumerate(studies, 1):
                _write_study(connection, study_id, spec)
                _write_trials(connection, study_id, range(first, first + count), steps)
                first += count
            _write_curves(connection, steps)
            if connection.dialect.name == "postgresql":
                _advance_sequences(connection, len(studies), first - 1)
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        engine.dispose()


def _write_study(connection: Connection, study_id: int, spec: StudySpec) -> None:
    connection.execute(insert(optuna_tables.studies), {"study_id": study_id, "study_name": spec.name})
    direction = {"study_id": study_id, "objective": 0, "direction": StudyDirection.MINIMIZE}
    connection.execute(insert(optuna_tables.directions), direction)
    now = time.time()
    own = {"study_id": study_id, "spec": spec.model_dump_json(), "paused": False, "stopped": False, "description": ""}
    connection.execute(insert(tables.studies), own | {"version": 1, "created_at": now, "updated_at": now})


def _write_trials(connection: Connection, study_id: int, all_ids: range, steps: int) -> None:
    distribution = codecs.show_distribution(FloatDistribution(LOW, HIGH, log=True))
    began = time.time() - len(all_ids) * _TRAINED_SECONDS
    for rows in _chunks(range(len(all_ids))):
        ids = [all_ids[number] for number in rows]
        points = [_point(number) for number in rows]
        _insert(
            connection,
            optuna_tables.trials,
            (
                {
                    "trial_id": trial_id,
                    "number": number,
                    "study_id": study_id,
                    "state": TrialState.COMPLETE,
                    "datetime_start": codecs.show_time(began + number * _TRAINED_SECONDS),
                    "datetime_complete": codecs.show_time(began + (number + 1) * _TRAINED_SECONDS),
                }
                for trial_id, number in zip(ids, rows, strict=True)
            ),
        )
        _insert(
            connection,
            optuna_tables.params,
            (
                {
                    "trial_id": trial_id,
                    "param_name": PARAMETER,
                    "param_value": rate,
                    "distribution_json": distribution,
                }
                for trial_id, (rate, _) in zip(ids, points, strict=True)
            ),
        )
        finite = codecs.show_value(0.0)[1]
        _insert(
            connection,
            optuna_tables.values,
            (
                {"trial_id": trial_id, "objective": 0, "value": value, "value_type": finite}
                for trial_id, (_, value) in zip(ids, points, strict=True)
            ),
        )
        _insert(connection, tables.trials, (_work(trial_id, study_id, steps) for trial_id in ids))


def _point(number: int) -> tuple[float, float]:
    """A learning rate and its final loss; the same for the same number."""
    draw = random.Random(number)
    log_rate = draw.uniform(math.log10(LOW), math.log10(HIGH))
    return 10**log_rate, 0.1 + 0.05 * (log_rate + 2.5) ** 2 + draw.uniform(0, 0.02)


def _work(trial_id: int, study_id: int, max_steps: int) -> dict[str, Any]:
    return {
        "trial_id": trial_id,
        "study_id": study_id,
        "attempt": 1,
        "leases": 1,
        "leased": False,
        "lease": f"{trial_id:022d}",
        "worker": "bench",
        "request_id": f"filled-{trial_id}",
        "max_steps": max_steps,
        "anneals": False,
        "resumable": False,
        "lost_steps": 0,
    }


def _write_curves(connection: Connection, count: int) -> None:
    """For each trial `count` reports that fall to its final value, in one statement."""
    table = optuna_tables.intermediate_values
    steps = union_all(*(select(literal(step).label("step")) for step in range(1, count + 1))).subquery()
    finite = literal(codecs.show_intermediate(0.0)[1], table.c.intermediate_value_type.type)
    falling = optuna_tables.values.c.value + (count - steps.c.step) * 0.05
    rows = (
        select(optuna_tables.values.c.trial_id, steps.c.step, falling, finite)
        .select_from(optuna_tables.values)
        .join(steps, literal(True))
    )
    names = ["trial_id", "step", "intermediate_value", "intermediate_value_type"]
    connection.execute(insert(table).from_select(names, rows.order_by(optuna_tables.values.c.trial_id, steps.c.step)))


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    connection.execute(insert(table).inline(), list(rows))


def _chunks(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), _CHUNK):
        yield numbers[start : start + _CHUNK]


def _advance_sequences(connection: Connection, studies: int, trials: int) -> None:
    """PostgreSQL's sequences go on after the ids that were given."""
    connection.execute(select(func.setval("studies_study_id_seq", studies)))
    connection.execute(select(func.setval("trials_trial_id_seq", trials)))
