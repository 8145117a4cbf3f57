"""What the commands share: how they speak to people and to programs."""

import json
import math
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lrtune.service.cli.error_line import print_error
from lrtune.service.sentences import suggestion as sentences
from lrtune.service.sentences.words import between, plain
from lrtune.service.wire.studies import Suggestion


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
) -> None:
    """A table on stdout; numbers are given as text by the caller. `whole`: the columns that are never folded."""
    Console().print(make_table(columns, rows, title=title, whole=whole))


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


def number(value: float | int | None, digits: int = 3) -> str:
    """A number for people: `0.0031`, `1.2e-05`, `nan`; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, int) or not math.isfinite(value):
        return str(value)
    return f"{value:.{digits}g}"


def params_text(params: Mapping[str, object]) -> str:
    """`learning_rate=0.0031 batch_size=64`."""
    return " ".join(f"{name}={number(value) if isinstance(value, float) else value}" for name, value in params.items())


def suggestion_line(suggestion: Suggestion) -> str:
    """`suggested learning_rate=0.0031 interval=[0.0018, 0.0052] after 24 trials`; of a study without a learning rate,
    `suggested max_depth=16 after 6 trials`."""
    if suggestion.learning_rate is None and suggestion.params:
        return sentences.line_without_rate(params_text(suggestion.params), suggestion.trials)
    ends = None if suggestion.interval is None else between(*suggestion.interval)
    return sentences.line(number(suggestion.learning_rate), ends, suggestion.trials)


def suggestion_reasons(suggestion: Suggestion) -> list[str]:
    """The suggestion's background: why, what to train with, and what to expect; a line each."""
    lines = [suggestion.explanation] if suggestion.explanation else []
    if suggestion.params:
        lines.append(sentences.train_with(params_text(suggestion.params)))
    if suggestion.expected_value is not None:
        lines.append(sentences.expect(number(suggestion.expected_value, 4), suggestion.basis))
    return lines
