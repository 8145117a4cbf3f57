"""What the commands share: how they speak to people and to programs."""

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer
from pydantic import BaseModel
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lrtune.service.cli.error_line import print_error
from lrtune.service.sentences.words import plain

_NARROWEST = 7
_BORDERS = 3
"""Characters of a column that folds, at the least, and those around each."""
_UNBOUNDED = 100_000


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on stderr, and the exit code."""
    print_error(message)
    raise typer.Exit(code)


def own_command() -> list[str]:
    """How to run another `lrtune` like this one."""
    if Path(sys.argv[0]).stem == "lrtune":
        return [sys.executable, sys.argv[0]]
    return [sys.executable, "-m", "lrtune.service.cli.main"]


def print_json(value: BaseModel | Sequence[BaseModel] | Mapping[str, Any]) -> None:
    """JSON on stdout, indented; models as on the wire."""
    plain = [_plain(item) for item in value] if isinstance(value, Sequence) else _plain(value)
    print(json.dumps(plain, indent=2, ensure_ascii=False))


def _plain(value: BaseModel | Mapping[str, Any]) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def print_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    title: str | None = None,
    whole: Collection[str] = (),
    words: Collection[str] = (),
) -> None:
    """A table on stdout; numbers are given as text by the caller. `whole`: the columns that are never folded;
    `words`: those whose words are never broken, and for which the table is wider than the terminal if need be."""
    columns, console = tuple(columns), Console()
    table = make_table(columns, rows, title=title, whole=whole)
    if not words:
        console.print(table)
        return
    width = console.width
    if console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum > width:
        for column in table.columns:
            if column.header in words:
                column.width = max(
                    cell_len(word) for cell in map(str, (column.header, *column.cells)) for word in cell.split()
                )
        width = max(width, sum((column.width or _NARROWEST) + _BORDERS for column in table.columns) + 1)
    if width > console.width:  # Which else bounds whatever it prints.
        console = Console(width=width)
    console.print(table, crop=False)


def make_table(
    columns: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    title: str | None = None,
    whole: Collection[str] = (),
) -> Table:
    """A plain table; text is shown as it is, markup included."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in whole)
    for row in rows:
        table.add_row(*(escape(plain(str(cell))) for cell in row))
    return table
