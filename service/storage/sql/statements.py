"""The statements a batch is made of, in the order in which they run within one transaction.

A change is a list of (statement, parameters). Rows of one statement run together, whichever change they come
from, so a batch costs a handful of statements however many requests it answers. That order is right as long as
no row must be deleted before another of the same batch is written; where one must, a BARRIER separates them.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum, auto
from typing import Any

from sqlalchemy import (
    BindParameter,
    Delete,
    Insert,
    Table,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.sql.conflicts import Check, GrantedIds, NeighbourGuards
from lrtune.service.storage.sql.execution import Execute, driver_text


class Op(IntEnum):
    """What a row does. The order of the members is the order of execution."""

    INSERT_STUDY = 0
    INSERT_DIRECTION = auto()
    INSERT_OUR_STUDY = auto()
    SET_STUDY_USER_ATTR = auto()
    SET_STUDY_SYSTEM_ATTR = auto()
    RENUMBER_TRIAL = auto()
    INSERT_TRIAL = auto()
    SET_PARAM = auto()
    SET_TRIAL_USER_ATTR = auto()
    SET_TRIAL_SYSTEM_ATTR = auto()
    SET_VALUE = auto()
    SET_INTERMEDIATE = auto()
    SET_OUR_TRIAL = auto()
    UPDATE_TRIAL = auto()
    UPDATE_OUR_STUDY = auto()
    UPDATE_VERSION = auto()
    INSERT_SUPERSEDED = auto()
    INSERT_RANGE_TEST = auto()
    SET_HISTORY = auto()
    DELETE_INTERMEDIATE_AFTER = auto()
    DELETE_STUDY = auto()
    BARRIER = auto()


Row = tuple[Op, dict[str, Any]]
_Statement = Insert | Update | Delete

_TRIAL_TABLES = (
    optuna_tables.values,
    optuna_tables.params,
    optuna_tables.intermediate_values,
    optuna_tables.trial_user_attrs,
    optuna_tables.trial_system_attrs,
    optuna_tables.heartbeats,
    tables.superseded_reports,
)
_STUDY_TABLES = (
    tables.range_tests,
    tables.history,
    tables.trials,
    optuna_tables.trials,
    optuna_tables.directions,
    optuna_tables.study_user_attrs,
    optuna_tables.study_system_attrs,
    tables.studies,
    optuna_tables.studies,
)


class Statements:
    """The statements for one dialect, `sqlite` or `postgresql`.

    They are compiled once and handed to the driver with the rows as they are: SQLAlchemy's own handling of a statement
    costs more than running it. So a row's values are what the drivers take: enums by their names, times as text.
    """

    def __init__(self, dialect: str) -> None:
        self._postgresql = dialect == "postgresql"
        self.granted = GrantedIds(dialect)
        self._neighbours = NeighbourGuards(dialect)
        self._texts = {
            op: [driver_text(statement, dialect) for statement in statements]
            for op, statements in self._by_op().items()
        }

    def _by_op(self) -> dict[Op, Sequence[_Statement]]:
        return {
            Op.INSERT_STUDY: [_insert(optuna_tables.studies, "study_id", "study_name")],
            Op.INSERT_DIRECTION: [_insert(optuna_tables.directions, "study_id", "objective", "direction")],
            Op.INSERT_OUR_STUDY: [_insert(tables.studies, *tables.studies.c.keys())],
            Op.SET_STUDY_USER_ATTR: [self._upsert(optuna_tables.study_user_attrs, "study_id", "key")],
            Op.SET_STUDY_SYSTEM_ATTR: [self._upsert(optuna_tables.study_system_attrs, "study_id", "key")],
            Op.INSERT_RANGE_TEST: [_insert(tables.range_tests, *tables.range_tests.c.keys())],
            Op.SET_HISTORY: [self._upsert(tables.history, "study_id", "optimizer")],
            Op.RENUMBER_TRIAL: [_update(optuna_tables.trials, "trial_id", "number")],
            Op.INSERT_TRIAL: [
                _insert(
                    optuna_tables.trials,
                    "trial_id",
                    "number",
                    "study_id",
                    "state",
                    "datetime_start",
                    "datetime_complete",
                )
            ],
            Op.SET_PARAM: [self._upsert(optuna_tables.params, "trial_id", "param_name")],
            Op.SET_TRIAL_USER_ATTR: [self._upsert(optuna_tables.trial_user_attrs, "trial_id", "key")],
            Op.SET_TRIAL_SYSTEM_ATTR: [self._upsert(optuna_tables.trial_system_attrs, "trial_id", "key")],
            Op.SET_VALUE: [self._upsert(optuna_tables.values, "trial_id", "objective")],
            Op.SET_INTERMEDIATE: [self._upsert(optuna_tables.intermediate_values, "trial_id", "step")],
            Op.SET_OUR_TRIAL: [self._upsert(tables.trials, "trial_id")],
            Op.UPDATE_TRIAL: [
                _update(optuna_tables.trials, "trial_id", "state", "datetime_start", "datetime_complete")
            ],
            Op.UPDATE_OUR_STUDY: [
                _update(tables.studies, "study_id", "max_trials", "max_total_steps", "paused", "stopped", "description")
            ],
            Op.UPDATE_VERSION: [_update(tables.studies, "study_id", "version", "updated_at")],
            Op.INSERT_SUPERSEDED: [self._upsert(tables.superseded_reports, "trial_id", "lease_number", "step")],
            Op.DELETE_INTERMEDIATE_AFTER: [
                delete(optuna_tables.intermediate_values).where(
                    optuna_tables.intermediate_values.c.trial_id == bindparam("of_trial"),
                    optuna_tables.intermediate_values.c.step > bindparam("after_step"),
                )
            ],
            Op.DELETE_STUDY: _delete_study(),
        }

    def _upsert(self, table: Table, *keys: str) -> _Statement:
        names = [c.name for c in table.columns if c.name in keys or not _is_generated(c)]
        insert_into = postgresql.insert if self._postgresql else sqlite.insert
        statement = insert_into(table).values({name: bindparam(name) for name in names}).inline()
        return statement.on_conflict_do_update(
            index_elements=list(keys), set_={name: statement.excluded[name] for name in names if name not in keys}
        )

    def run(self, execute: Execute, rows: Iterable[Row]) -> list[Check]:
        """Execute `rows` in an open transaction; what is to be looked at before it is committed.

        Raises what the driver raises; after that, or where the transaction fails later, call `granted.forget`.
        """
        segment: dict[Op, list[dict[str, Any]]] = {}
        checks: list[Check] = []
        for op, parameters in rows:
            if op is Op.BARRIER:
                self._run_segment(execute, segment, checks)
                segment = {}
            else:
                segment.setdefault(op, []).append(parameters)
        self._run_segment(execute, segment, checks)
        return checks

    def _run_segment(self, execute: Execute, segment: dict[Op, list[dict[str, Any]]], checks: list[Check]) -> None:
        for op in sorted(segment):
            rows = segment[op]
            if op is Op.INSERT_STUDY:
                checks += self.granted.claim(execute, "studies", [row["study_id"] for row in rows])
            elif op is Op.INSERT_TRIAL:
                checks += self.granted.claim(execute, "trials", [row["trial_id"] for row in rows])
            elif op is Op.UPDATE_TRIAL:
                checks += self._neighbours.claims(execute, rows)
            for text in self._texts[op]:
                execute(text, rows if len(rows) > 1 else rows[0])
            if op is Op.INSERT_TRIAL:
                checks += self._neighbours.numbers(execute, rows)


def _is_generated(column: Any) -> bool:
    return bool(column.primary_key) and column.table.name not in (tables.trials.name,)


def _insert(table: Table, *columns: str) -> _Statement:
    return insert(table).values({name: bindparam(name) for name in columns}).inline()


def _update(table: Table, key: str, *columns: str) -> _Statement:
    return (
        update(table).where(table.c[key] == bindparam(f"of_{key}")).values({name: bindparam(name) for name in columns})
    )


def _delete_study() -> Sequence[_Statement]:
    of_study: BindParameter[int] = bindparam("of_study")
    ids = select(optuna_tables.trials.c.trial_id).where(optuna_tables.trials.c.study_id == of_study)
    return [
        *(delete(table).where(table.c.trial_id.in_(ids)) for table in _TRIAL_TABLES),
        *(delete(table).where(table.c.study_id == of_study) for table in _STUDY_TABLES),
    ]
