"""The columns of a table of trials: Optuna's names where it has one, ours for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lrtune.service.wire.search_space import CategoricalParameter, FloatParameter, Parameter
from lrtune.service.wire.trials import Trial

Kind = Literal["int", "float", "bool", "text", "time", "any"]
"""`time`: a datetime in UTC; `any`: numbers, texts, true, false and none in one column."""

PARAMS = "params_"
"""How the columns of parameters begin, as in Optuna's `trials_dataframe`."""

_TYPES: Mapping[str, tuple[type[Any], ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "text": (str,)}


@dataclass(frozen=True)
class Column:
    """A column; a cell of it is None where a trial has no such value."""

    name: str
    kind: Kind


BEFORE = (
    Column("number", "int"),
    Column("value", "float"),
    Column("datetime_start", "time"),
    Column("datetime_complete", "time"),
    Column("duration_seconds", "float"),
)
AFTER = (
    Column("state", "text"),
    Column("standard_error", "float"),
    Column("step", "int"),
    Column("max_steps", "int"),
    Column("attempt", "int"),
    Column("worker", "text"),
    Column("repeats", "int"),
    Column("again", "int"),
    Column("drawn_by", "text"),
    Column("checkpoint_uri", "text"),
    Column("checkpoint_step", "int"),
    Column("explanation", "text"),
    Column("error", "text"),
)
CURVES = (Column("trial", "int"), Column("step", "int"), Column("value", "float"))
"""Of a table of reports."""


def trial_columns(space: Mapping[str, Parameter]) -> list[Column]:
    """The columns of a study that searches this space."""
    return [*BEFORE, *(Column(PARAMS + name, _kind(parameter)) for name, parameter in space.items()), *AFTER]


def trial_row(trial: Trial) -> dict[str, Any]:
    """A trial's cells by column; a parameter that it does not have is left out."""
    checkpoint = trial.checkpoint
    same = {column.name: getattr(trial, column.name) for column in AFTER if column.name in Trial.model_fields}
    row = {
        "number": trial.number,
        "value": trial.value,
        "datetime_start": trial.started_at,
        "datetime_complete": trial.finished_at,
        "duration_seconds": trial.duration_seconds,
        "drawn_by": None if trial.drawn is None else trial.drawn.by,
        "checkpoint_uri": None if checkpoint is None else checkpoint.uri,
        "checkpoint_step": None if checkpoint is None else checkpoint.step,
    }
    return row | same | {PARAMS + name: value for name, value in trial.params.items()}


def fitting(cell: Any, kind: Kind) -> Any:
    """The cell where it is of that kind, else None: an Optuna script may have given a parameter anything."""
    types = _TYPES.get(kind)
    if types is None or cell is None:
        return cell
    if not isinstance(cell, types) or (isinstance(cell, bool) and kind != "bool"):
        return None
    return cell if kind != "float" or isinstance(cell, float) else _as_float(cell)


def _as_float(cell: int) -> float | None:
    """None where it is too large for one."""
    try:
        return float(cell)
    except OverflowError:
        return None


def _kind(parameter: Parameter) -> Kind:
    if not isinstance(parameter, CategoricalParameter):
        return "float" if isinstance(parameter, FloatParameter) else "int"
    return _kind_of_choices(parameter.choices)


def _kind_of_choices(choices: Sequence[Any]) -> Kind:
    """What all of them are, none aside."""
    kinds = {type(choice) for choice in choices if choice is not None}
    if kinds == {str}:
        return "text"
    if kinds == {bool}:
        return "bool"
    if kinds == {int}:
        return "int"
    return "float" if kinds in ({float}, {int, float}) else "any"
