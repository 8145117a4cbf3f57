"""Tables of trials or reports as files: CSV, and Parquet by pyarrow. No more than a block of rows is in memory."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from lrtune.service.wire.cells import safe_cell
from lrtune.trainers.client.tables.columns import CURVES, Column, fitting, trial_columns, trial_row

if TYPE_CHECKING:
    from lrtune.service.wire.curves import CurvePart
    from lrtune.service.wire.studies import Study
    from lrtune.service.wire.trials import Trial

_ROWS_A_BLOCK = 10_000

Rows = Iterator[Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """Columns, and rows that have them."""

    columns: Sequence[Column]
    rows: Rows


def trials_table(study: "Study", trials: "Iterable[Trial]") -> Table:
    """A row a trial."""
    return Table(trial_columns(study.search_space), map(trial_row, trials))


def curves_table(parts: "Iterable[CurvePart]") -> Table:
    """A row a report."""
    rows = (
        {"trial": part.trial, "step": step, "value": value}
        for part in parts
        for step, value in zip(part.steps, part.values, strict=True)
    )
    return Table(CURVES, rows)


def write_csv(table: Table, to: BinaryIO, count: Callable[[int], object]) -> None:
    """As UTF-8 with a header; cells that a spreadsheet would run as a formula are quoted. `count` is told how many rows
    are written."""
    text = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow([column.name for column in table.columns])
        for written, row in enumerate(table.rows, 1):
            writer.writerow([_csv_cell(row.get(column.name)) for column in table.columns])
            count(written)
    finally:
        text.detach()


def _csv_cell(cell: Any) -> object:
    if hasattr(cell, "isoformat"):
        return cell.isoformat()
    return json.dumps(cell) if isinstance(cell, bool) else safe_cell(cell)


def write_parquet(table: Table, to: BinaryIO, count: Callable[[int], object]) -> None:
    """As Parquet with a schema of the columns' kinds. A column of mixed choices is text, each as JSON but for texts; a
    value that is not of its parameter's kind is left out. Raises ModuleNotFoundError where pyarrow is missing."""
    import pyarrow
    from pyarrow import parquet

    types = {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
        "text": pyarrow.string(),
        "any": pyarrow.string(),
        "time": pyarrow.timestamp("us", tz="UTC"),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in table.columns])
    written = 0
    with parquet.ParquetWriter(to, schema) as writer:
        while block := list(islice(table.rows, _ROWS_A_BLOCK)):
            cells = {column.name: [_cell(row, column) for row in block] for column in table.columns}
            writer.write_table(pyarrow.table(cells, schema=schema))
            written += len(block)
            count(written)


def _cell(row: Mapping[str, Any], column: Column) -> Any:
    cell = fitting(row.get(column.name), column.kind)
    if column.kind == "any" and cell is not None and not isinstance(cell, str):
        return json.dumps(cell)
    return cell
