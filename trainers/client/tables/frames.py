"""Tables of trials and of reports in pandas, which a client may lack."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lrtune.service.wire.curves import CurvePart
from lrtune.service.wire.search_space import Parameter
from lrtune.service.wire.trials import Trial
from lrtune.trainers.client.tables.columns import CURVES, PARAMS, Column, trial_columns, trial_row

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_DTYPES = {"int": "Int64", "float": "float64", "time": "datetime64[us, UTC]", "text": "str"}


def trials_frame(space: Mapping[str, Parameter], trials: Iterable[Trial]) -> "DataFrame":
    """A row a trial. Raises ImportError where pandas is missing."""
    pandas = needed()
    rows = [trial_row(trial) for trial in trials]
    columns = trial_columns(space)
    known = {column.name for column in columns}
    others = {name: None for row in rows for name in row if name not in known}  # What Optuna scripts added.
    place = next(index for index, column in enumerate(columns) if column.name == "state")
    columns[place:place] = [Column(name, "any") for name in others]
    made = {}
    for column in columns:
        cells = [row.get(column.name) for row in rows]
        if column.name == "duration_seconds":
            made["duration"] = pandas.to_timedelta(pandas.Series(cells, dtype="float64"), unit="s")
        else:
            made[column.name] = _series(pandas, cells, column)
    return pandas.DataFrame(made)


def curves_frame(parts: Iterable[CurvePart]) -> "DataFrame":
    """A row a report. Raises ImportError where pandas is missing."""
    pandas = needed()
    trials: list[int] = []
    steps: list[int] = []
    values: list[float] = []
    for part in parts:
        trials += [part.trial] * len(part.steps)
        steps += part.steps
        values += part.values
    cells: tuple[list[Any], ...] = (trials, steps, values)
    return pandas.DataFrame(
        {column.name: _dense(pandas, some, column) for column, some in zip(CURVES, cells, strict=True)}
    )


def needed() -> Any:
    """pandas. Raises ImportError that says how to install it."""
    try:
        return import_module("pandas")
    except ImportError as missing:
        raise ImportError("tables need pandas: pip install 'lrtune[dataframe]'", name="pandas") from missing


def _series(pandas: Any, cells: list[Any], column: Column) -> "Series[Any]":
    if column.name.startswith(PARAMS):
        return pandas.Series(cells, dtype=None if cells else "object")
    if column.name in ("number", "attempt"):
        return _dense(pandas, cells, column)
    return pandas.Series(cells, dtype=_DTYPES.get(column.kind, "object"))


def _dense(pandas: Any, cells: list[Any], column: Column) -> "Series[Any]":
    """Of cells none of which is empty."""
    return pandas.Series(cells, dtype="int64" if column.kind == "int" else "float64")
