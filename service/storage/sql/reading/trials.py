"""A study's trials from the database: page by page, a handful of queries each, straight from the driver's rows.

Result processing by SQLAlchemy costs as much again as fetching, so enums and times are taken here as each driver gives
them. A page holds a few thousand trials: what is read is not in memory twice.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import TrialState
from sqlalchemy import Connection, Select, Table, and_, case, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql.elements import ColumnElement

from lrtune.service.storage.memory.trial import NO_ATTRS, WORK_COLUMNS, TrialMirror, Work, share_distributions
from lrtune.service.storage.schema import codecs, optuna_tables, tables

PAGE = 5_000
"""Trials read at a time."""

_ROWS_AT_ONCE = 1_000
_STEPS_AT_ONCE, _CURVES_AT_ONCE = 2_000, 5
"""Of a curve, and pieces of curves: as PostgreSQL sends them."""

_STATES = {state.name: state for state in TrialState}
_INFINITIES = {"INF_POS": math.inf, "INF_NEG": -math.inf}
_FLAGS = ("leased", "anneals", "resumable")

Row = tuple[Any, ...]


def read_trials(
    connection: Connection, study_id: int, only: Sequence[int] | None = None
) -> Iterator[list["StoredTrial"]]:
    """The study's trials in pages, by their ids, numbered from 0; with `only`, those at most a thousand of them."""
    first_number, after = 0, -1
    while True:
        page = _Page(connection, study_id, after, only)
        if page.trials:
            yield list(page.build(first_number))
            first_number += len(page.trials)
            after = page.trials[-1][0]
        if only is not None or len(page.trials) < PAGE:
            return


@dataclass(slots=True)
class StoredTrial:
    """A trial as read, and its number in the database, which may differ from that by the order of the ids."""

    trial: TrialMirror
    stored_number: int


@dataclass(slots=True)
class _Page:
    """The rows of up to PAGE trials, by trial id."""

    connection: Connection
    study_id: int
    after: int
    only: Sequence[int] | None
    trials: Sequence[Row] = field(init=False)

    def __post_init__(self) -> None:
        columns = optuna_tables.trials.c
        query = select(
            columns.trial_id, columns.number, columns.state, columns.datetime_start, columns.datetime_complete
        ).order_by(columns.trial_id)
        if self.only is None:
            query = query.where(columns.study_id == self.study_id, columns.trial_id > self.after).limit(PAGE)
        else:
            query = query.where(columns.trial_id.in_(self.only))
        self.trials = list(self._fetch(query))

    def build(self, first_number: int) -> Iterator[StoredTrial]:
        """The trials of the page, with all that belongs to them."""
        curves = self._curves()
        params, values = self._params(), self._values()
        user_attrs, system_attrs = (
            self._attrs(optuna_tables.trial_user_attrs),
            self._attrs(optuna_tables.trial_system_attrs),
        )
        work = self._work()
        nothing: dict[Any, Any] = {}
        for number, (trial_id, stored_number, state, started, finished) in enumerate(self.trials, first_number):
            known = params.get(trial_id, nothing)
            trial = TrialMirror(
                trial_id,
                number,
                _STATES[state],
                params={name: value for name, (value, _) in known.items()},
                distributions=share_distributions({name: distribution for name, (_, distribution) in known.items()}),
                values=values.get(trial_id),
                intermediate=curves.get(trial_id) or {},
                user_attrs=user_attrs.get(trial_id, NO_ATTRS),
                system_attrs=system_attrs.get(trial_id, NO_ATTRS),
                started_at=_epoch(started),
                finished_at=_epoch(finished),
                work=work.get(trial_id),
            )
            trial.measure_curve()
            yield StoredTrial(trial, stored_number)

    def _fetch(self, query: Select[Any], at_once: int = _ROWS_AT_ONCE) -> Iterator[Row]:
        """The driver's own rows, fetched so many at once: while a driver makes rows, no other thread runs."""
        result = self.connection.execute(query)
        while rows := result.cursor.fetchmany(at_once):
            yield from rows
        result.close()

    def _of_page(self, table: Table) -> ColumnElement[bool]:
        """Which rows of a table belong to the page."""
        key = table.c.trial_id
        if self.only is not None:
            return key.in_(self.only)
        first, last = self.trials[0][0], self.trials[-1][0]
        between = key.between(first, last)
        if last - first + 1 == len(self.trials):
            return between
        trials = optuna_tables.trials.c
        ids = select(trials.trial_id).where(trials.study_id == self.study_id, trials.trial_id.between(first, last))
        return and_(between, key.in_(ids))

    def _curves(self) -> dict[int, dict[int, float]]:
        columns = optuna_tables.intermediate_values.c
        of_page = self._of_page(optuna_tables.intermediate_values)
        curves: dict[int, dict[int, float]] = {}
        if self.connection.dialect.name == "postgresql":
            steps = func.array_agg(aggregate_order_by(columns.step, columns.step))
            points = func.array_agg(aggregate_order_by(_loss(self.connection.dialect.name), columns.step))
            part = columns.step // literal_column(str(_STEPS_AT_ONCE), columns.step.type)
            pieces = select(columns.trial_id, steps, points).where(of_page).group_by(columns.trial_id, part)
            for trial_id, numbers, losses in self._fetch(pieces.order_by(columns.trial_id, part), _CURVES_AT_ONCE):
                curves.setdefault(trial_id, {}).update(zip(numbers, losses, strict=True))
            return curves
        current = -1
        curve: dict[int, float] = {}
        rows = select(columns.trial_id, columns.step, _loss("sqlite")).where(of_page)
        for trial_id, step, loss in self._fetch(rows.order_by(columns.trial_id, columns.step)):
            if trial_id != current:
                current = trial_id
                curve = curves[trial_id] = {}
            curve[step] = math.nan if loss is None else loss
        return curves

    def _params(self) -> dict[int, dict[str, tuple[Any, BaseDistribution]]]:
        columns = optuna_tables.params.c
        rows = select(columns.trial_id, columns.param_name, columns.param_value, columns.distribution_json)
        found: dict[int, dict[str, tuple[Any, BaseDistribution]]] = {}
        for trial_id, name, value, text in self._fetch(
            rows.where(self._of_page(optuna_tables.params)).order_by(columns.param_id)
        ):
            distribution, external = _distribution_and_reader(text)
            found.setdefault(trial_id, {})[intern(name)] = (external(value), distribution)
        return found

    def _values(self) -> dict[int, list[float]]:
        columns = optuna_tables.values.c
        rows = select(columns.trial_id, columns.value, columns.value_type)
        found: dict[int, list[float]] = {}
        for trial_id, value, kind in self._fetch(
            rows.where(self._of_page(optuna_tables.values)).order_by(columns.trial_id, columns.objective)
        ):
            found.setdefault(trial_id, []).append(value if kind == "FINITE" else _INFINITIES[kind])
        return found

    def _attrs(self, table: Table) -> dict[int, dict[str, Any]]:
        found: dict[int, dict[str, Any]] = {}
        rows = select(table.c.trial_id, table.c.key, table.c.value_json)
        for trial_id, key, text in self._fetch(rows.where(self._of_page(table))):
            found.setdefault(trial_id, {})[intern(key)] = json.loads(text)
        return found

    def _work(self) -> dict[int, Work]:
        columns = tables.trials.c
        rows = select(columns.trial_id, *(columns[name] for name in WORK_COLUMNS)).where(self._of_page(tables.trials))
        return {row[0]: _read_work(row) for row in self._fetch(rows)}


_WORKER, *_FLAG_PLACES = (WORK_COLUMNS.index(name) for name in ("worker", *_FLAGS))


def _read_work(row: Row) -> Work:
    """Our row of a trial: its id, then the columns of Work."""
    _, *values = row
    for place in _FLAG_PLACES:  # SQLite has no booleans.
        values[place] = values[place] == 1
    worker = values[_WORKER]
    if worker is not None:
        values[_WORKER] = intern(worker)
    return Work(*values)


def _loss(dialect: str) -> ColumnElement[Any]:
    """An intermediate value as one column: infinities as such, nan as nan (PostgreSQL) or NULL (SQLite)."""
    columns = optuna_tables.intermediate_values.c
    kind, kinds = columns.intermediate_value_type, optuna_tables.IntermediateKind
    if dialect == "postgresql":
        extremes = "'Infinity'::float8", "'-Infinity'::float8", "'NaN'::float8"
    else:
        extremes = "9e999", "-9e999", "NULL"
    infinity, least, nan = (literal_column(text, columns.intermediate_value.type) for text in extremes)
    finite = columns.intermediate_value
    return case(
        (kind == kinds.FINITE, finite), (kind == kinds.INF_POS, infinity), (kind == kinds.INF_NEG, least), else_=nan
    )


@lru_cache(maxsize=4096)
def _distribution_and_reader(text: str) -> tuple[BaseDistribution, Callable[[float], Any]]:
    """A distribution of its stored form, and how it reads its values."""
    distribution = codecs.read_distribution(text)
    return distribution, distribution.to_external_repr


def _epoch(stored: str | datetime | None) -> float | None:
    """Seconds since the epoch of a time as a driver gives it."""
    if stored is None:
        return None
    if isinstance(stored, str):
        return datetime.fromisoformat(f"{stored}+00:00").timestamp()
    return stored.replace(tzinfo=UTC).timestamp()
