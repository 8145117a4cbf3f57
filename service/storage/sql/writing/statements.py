"""The statements a batch is made of, in the order in which they run within one transaction.

A change is a list of (statement, parameters). Rows of one statement run together, whichever change they come
from, so a batch costs a handful of statements however many requests it answers. That order is right as long as
no row must be deleted before another of the same batch is written; where one must, a BARRIER separates them.
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum, auto
from functools import cache, partial
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
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.schema.attributes import DELETED_ATTR
from lrtune.service.storage.sql.deleted import OF_STUDY, OF_TRIALS
from lrtune.service.storage.sql.execution import Execute, statement_text
from lrtune.service.storage.sql.writing.bulk import FEWEST_ROWS, BulkUpsert
from lrtune.service.storage.sql.writing.conflicts import Check, ConflictChecks, ReservedIds


class Op(IntEnum):
    """What a row does. The order of the members is the order of execution.

    A row's parameters are the columns of the table that it writes, unless said otherwise; `of_…` names the row that is
    changed.
    """

    INSERT_STUDY = 0
    """A study of Optuna's; its id must be ours alone."""
    INSERT_DIRECTION = auto()
    """The direction of one of a study's objectives."""
    INSERT_OUR_STUDY = auto()
    """The spec of a study, and its settings."""
    SET_STUDY_USER_ATTR = auto()
    """A user attribute of a study, new or changed."""
    SET_STUDY_SYSTEM_ATTR = auto()
    """A system attribute of a study, new or changed."""
    RENUMBER_TRIAL = auto()
    """The number of a trial, where the database has a wrong one."""
    INSERT_TRIAL = auto()
    """A trial of Optuna's; `after` is the id of the last that its study had, None where there was none. Its id must be
    ours alone, and nobody else may have added one since."""
    SET_PARAM = auto()
    """A parameter of a trial, in Optuna's internal representation."""
    SET_TRIAL_USER_ATTR = auto()
    """A user attribute of a trial, new or changed."""
    SET_TRIAL_SYSTEM_ATTR = auto()
    """A system attribute of a trial, new or changed."""
    SET_VALUE = auto()
    """The final value of a trial at one objective."""
    SET_INTERMEDIATE = auto()
    """A report: the value of a trial at a step."""
    SET_OUR_TRIAL = auto()
    """What Optuna has no place for: the lease of a trial, its attempt, its checkpoint."""
    UPDATE_TRIAL = auto()
    """The state of a trial, and its times. A waiting trial that is set running must still be waiting."""
    UPDATE_OUR_STUDY = auto()
    """The settings of a study."""
    UPDATE_VERSION = auto()
    """A study's version, which every change of it counts up, and the time."""
    INSERT_SUPERSEDED = auto()
    """A report of a lost lease, put away."""
    INSERT_RANGE_TEST = auto()
    """A range test of a study, with its curve."""
    SET_HISTORY = auto()
    """The best rate that a study found with an optimizer, for later studies."""
    INSERT_AUDIT = auto()
    """What was done to a study, by whom."""
    DELETE_INTERMEDIATE_AFTER = auto()
    """Removes the reports of the trial `of_trial` past `after_step`."""
    DELETE_STUDY = auto()
    """Removes the study `of_study` and all that belongs to it: a small one."""
    TAKE_STUDY_AWAY = auto()
    """Marks the study `of_study` as a deleted one, gives it the name `deleted_name` and removes what we keep of it; its
    trials are left."""
    BARRIER = auto()
    """No statement: what comes before it runs before what comes after it."""


Row = tuple[Op, dict[str, Any]]
_Statement = Insert | Update | Delete


class Statements:
    """The statements for one dialect, `sqlite` or `postgresql`.

    They are compiled once and handed to the driver with the rows as they are: SQLAlchemy's own handling of a statement
    costs more than running it. So a row's values are what the drivers take: enums by their names, times as text.
    """

    def __init__(self, dialect: str) -> None:
        self.reserved = ReservedIds(dialect)
        self._conflicts = ConflictChecks(dialect)
        self._texts = _texts(dialect)
        self._bulk = _bulk() if dialect == "postgresql" else {}

    def run(self, execute: Execute, rows: Iterable[Row]) -> list[Check]:
        """Execute `rows` in an open transaction; what is to be looked at before it is committed.

        Raises what the driver raises; after that, or where the transaction fails later, call `reserved.forget`.
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
                checks += self.reserved.reserve(execute, "studies", [row["study_id"] for row in rows])
            elif op is Op.INSERT_TRIAL:
                checks += self.reserved.reserve(execute, "trials", [row["trial_id"] for row in rows])
            elif op is Op.UPDATE_TRIAL:
                checks += self._conflicts.claims(execute, rows)
            bulk = self._bulk.get(op) if len(rows) >= FEWEST_ROWS else None
            if bulk is not None:
                execute(bulk.text, bulk.columns(rows))
                continue
            for text in self._texts[op]:
                execute(text, rows if len(rows) > 1 else rows[0])
            if op is Op.INSERT_TRIAL:
                checks += self._conflicts.numbers(execute, rows)


# The SQL


@cache
def _texts(dialect: str) -> dict[Op, list[str]]:
    return {op: [statement_text(one, dialect) for one in statements] for op, statements in _by_op(dialect).items()}


def _by_op(dialect: str) -> dict[Op, Sequence[_Statement]]:
    """The statements of each kind of row, but BARRIER, which has none."""
    upsert = partial(_upsert, dialect)
    optuna, ours = optuna_tables, tables
    state = ("state", "datetime_start", "datetime_complete")
    settings = ("max_trials", "max_total_steps", "paused", "stopped", "description")
    return {
        Op.INSERT_STUDY: [_insert(optuna.studies, "study_id", "study_name")],
        Op.INSERT_DIRECTION: [_insert(optuna.directions, "study_id", "objective", "direction")],
        Op.INSERT_OUR_STUDY: [_insert(ours.studies, *ours.studies.c.keys())],
        Op.SET_STUDY_USER_ATTR: [upsert(optuna.study_user_attrs, "study_id", "key")],
        Op.SET_STUDY_SYSTEM_ATTR: [upsert(optuna.study_system_attrs, "study_id", "key")],
        Op.RENUMBER_TRIAL: [_update(optuna.trials, "trial_id", "number")],
        Op.INSERT_TRIAL: [_insert(optuna.trials, "trial_id", "number", "study_id", *state)],
        Op.SET_PARAM: [upsert(optuna.params, "trial_id", "param_name")],
        Op.SET_TRIAL_USER_ATTR: [upsert(optuna.trial_user_attrs, "trial_id", "key")],
        Op.SET_TRIAL_SYSTEM_ATTR: [upsert(optuna.trial_system_attrs, "trial_id", "key")],
        Op.SET_VALUE: [upsert(optuna.values, "trial_id", "objective")],
        Op.SET_INTERMEDIATE: [upsert(optuna.intermediate_values, "trial_id", "step")],
        Op.SET_OUR_TRIAL: [upsert(ours.trials, "trial_id")],
        Op.UPDATE_TRIAL: [_update(optuna.trials, "trial_id", *state)],
        Op.UPDATE_OUR_STUDY: [_update(ours.studies, "study_id", *settings)],
        Op.UPDATE_VERSION: [_update(ours.studies, "study_id", "version", "updated_at")],
        Op.INSERT_SUPERSEDED: [upsert(ours.superseded_reports, "trial_id", "lease_number", "step")],
        Op.INSERT_RANGE_TEST: [_insert(ours.range_tests, *ours.range_tests.c.keys())],
        Op.SET_HISTORY: [upsert(ours.history, "study_id", "optimizer")],
        Op.INSERT_AUDIT: [_insert(ours.audit, *(column.name for column in ours.audit.c if column.name != "entry_id"))],
        Op.DELETE_INTERMEDIATE_AFTER: [_delete_reports()],
        Op.DELETE_STUDY: _delete_study(),
        Op.TAKE_STUDY_AWAY: _take_study_away(),
    }


def _bulk() -> dict[Op, BulkUpsert]:
    """The statements for many rows of the kinds that one change may have tens of thousands of."""
    reports, put_away = optuna_tables.intermediate_values, tables.superseded_reports
    return {
        Op.SET_INTERMEDIATE: BulkUpsert(reports, _written(reports, "trial_id", "step"), "trial_id", "step"),
        Op.INSERT_SUPERSEDED: BulkUpsert(
            put_away, _written(put_away, "trial_id", "lease_number", "step"), "trial_id", "lease_number", "step"
        ),
    }


def _written(table: Table, *keys: str) -> list[str]:
    """The columns that an upsert by these keys writes."""
    return [c.name for c in table.columns if c.name in keys or not _is_generated(c)]


def _upsert(dialect: str, table: Table, *keys: str) -> _Statement:
    """Insert a row, or change the one that has these keys."""
    names = _written(table, *keys)
    insert_into = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert_into(table).values({name: bindparam(name) for name in names}).inline()
    return statement.on_conflict_do_update(
        index_elements=list(keys), set_={name: statement.excluded[name] for name in names if name not in keys}
    )


def _is_generated(column: Any) -> bool:
    return bool(column.primary_key) and column.table.name not in (tables.trials.name,)


def _insert(table: Table, *columns: str) -> _Statement:
    return insert(table).values({name: bindparam(name) for name in columns}).inline()


def _update(table: Table, key: str, *columns: str) -> _Statement:
    return (
        update(table).where(table.c[key] == bindparam(f"of_{key}")).values({name: bindparam(name) for name in columns})
    )


def _delete_reports() -> _Statement:
    columns = optuna_tables.intermediate_values.c
    late = columns.step > bindparam("after_step")
    return delete(optuna_tables.intermediate_values).where(columns.trial_id == bindparam("of_trial"), late)


def _delete_study() -> Sequence[_Statement]:
    of_study: BindParameter[int] = bindparam("of_study")
    ids = select(optuna_tables.trials.c.trial_id).where(optuna_tables.trials.c.study_id == of_study)
    return [
        *(delete(table).where(table.c.trial_id.in_(ids)) for table in (*OF_TRIALS, optuna_tables.values)),
        delete(tables.trials).where(tables.trials.c.study_id == of_study),
        delete(optuna_tables.trials).where(optuna_tables.trials.c.study_id == of_study),
        *(delete(table).where(table.c.study_id == of_study) for table in (*OF_STUDY, optuna_tables.studies)),
    ]


def _take_study_away() -> Sequence[_Statement]:
    of_study: BindParameter[int] = bindparam("of_study")
    studies, attrs = optuna_tables.studies, optuna_tables.study_system_attrs
    mark = {"study_id": of_study, "key": literal_column(f"'{DELETED_ATTR}'"), "value_json": literal_column("'true'")}
    return [
        update(studies).where(studies.c.study_id == of_study).values(study_name=bindparam("deleted_name")),
        delete(attrs).where(attrs.c.study_id == of_study, attrs.c.key == literal_column(f"'{DELETED_ATTR}'")),
        insert(attrs).values(mark).inline(),
        *(delete(table).where(table.c.study_id == of_study) for table in (tables.history, tables.studies)),
    ]
