"""A range test that was made elsewhere, read from a file: a table with a header (CSV), or JSON lines.

learning_rate,loss
1e-07,2.31
1.2e-07,2.30
"""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.range_test.result import RangeTest
from lrtune.trainers.written_numbers import read_written

RATES = ("learning_rate", "lr", "rate", "learningrate", "eta")
LOSSES = ("loss", "train_loss", "training_loss", "batch_loss", "value", "val_loss")
"""Names of columns, the first that is there; in capitals or not, with spaces or without."""
MOST_ROWS = 100_000
MOST_BYTES = 50_000_000
_SEPARATORS = "\t;,"


@dataclass(frozen=True)
class Row:
    """One step of the test, and its line in the file."""

    line: int
    rate: float
    loss: float


def read_history(path: Path) -> RangeTest:
    """The range test in the file: the training loss at each rate, non-finite where it diverged.

    Rates rise from row to row. The losses of a rate that is held for several rows are averaged. Where the file begins
    again from the first rate, what follows is the test of another seed. Raises TrainingError, in one line, for what is
    no range test.
    """
    rows = list(islice(_rows(path, _content(path)), MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise TrainingError(f"{path} holds more than {MOST_ROWS:,} rows: leave all but every tenth out, say")
    if len(rows) < 2:
        raise TrainingError(
            f"{path} holds {'one row' if rows else 'no row'} with a rate and a loss: a range test needs 10, better 100"
        )
    tests = [_averaged(test) for test in _tests(path, rows)]
    longest = max(tests, key=len)
    rates = [rate for rate, _ in longest]
    if len(rates) < 2:
        raise TrainingError(f"{path} has one rate only, {rates[0]:g}: a range test raises it from row to row")
    return RangeTest.of(rates, [[loss for _, loss in test] for test in tests], range(len(tests)))


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise TrainingError(f"{path} is larger than {MOST_BYTES // 1_000_000} MB: is it the history of a range test?")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TrainingError(f"{path} is no text in UTF-8: give a CSV file with a header, or JSON lines") from None
    if not text.strip():
        raise TrainingError(f"{path} is empty: its first line names the columns, learning_rate,loss")
    return text


def _rows(path: Path, text: str) -> Iterator[Row]:
    """The rows that have both a rate and a loss; loggers leave one out here and there."""
    records = _json_lines(path, text) if text.lstrip().startswith("{") else _table(path, text)
    for line, rate, loss in records:
        if rate in (None, "") or loss in (None, ""):
            continue
        read = _number(path, line, "rate", rate)
        if not 0 < read < math.inf:
            raise TrainingError(
                f"{path}, line {line}: the rate must be finite and > 0, not {read:g}: leave that row out"
            )
        yield Row(line, read, _number(path, line, "loss", loss))


def _table(path: Path, text: str) -> Iterator[tuple[int, Any, Any]]:
    header = next(line for line in text.splitlines() if line.strip())
    separator = max(_SEPARATORS, key=header.count)
    reader = csv.reader(text.splitlines(), delimiter=separator, skipinitialspace=True)
    try:
        columns = next(row for row in reader if any(cell.strip() for cell in row))
        rate, loss = _columns(path, columns)
        for row in reader:
            if len(row) > max(rate, loss):
                yield reader.line_num, row[rate].strip(), row[loss].strip()
    except csv.Error as error:
        raise TrainingError(f"{path}, line {reader.line_num}: no row of a CSV file: {error}") from None


def _json_lines(path: Path, text: str) -> Iterator[tuple[int, Any, Any]]:
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            said = json.loads(content)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise TrainingError(f'{path}, line {line}: no JSON like {{"learning_rate": 0.001, "loss": 2.3}}')
        named = {_plain(name): value for name, value in said.items()}
        rate, loss = (next((named[name] for name in names if name in named), None) for names in (RATES, LOSSES))
        if line == 1 or (rate is None and loss is None):
            _columns(path, list(said))
        yield line, rate, loss


def _columns(path: Path, names: Sequence[str]) -> tuple[int, int]:
    """Where the rate and the loss are."""
    plain = [_plain(name) for name in names]
    found = []
    for what, known in (("rates", RATES), ("losses", LOSSES)):
        place = next((plain.index(name) for name in known if name in plain), None)
        if place is None:
            there = ", ".join(names)[:200]
            raise TrainingError(
                f"{path} has no column of {what}: the first line must name one of {', '.join(known)}, not only {there}"
            )
        found.append(place)
    return found[0], found[1]


def _plain(name: str) -> str:
    return "_".join(name.strip().strip("\"'").lower().replace("-", " ").split())


def _number(path: Path, line: int, what: str, given: Any) -> float:
    number = read_written(given) if isinstance(given, str) else given
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TrainingError(f"{path}, line {line}: the {what} {str(given)[:50]!r} is no number")
    return float(number)


def _tests(path: Path, rows: Sequence[Row]) -> list[list[Row]]:
    """One for each seed: where the rate falls, the next begins, if it takes the same rates again."""
    tests = [[rows[0]]]
    for row in rows[1:]:
        before = tests[-1][-1]
        if row.rate >= before.rate:
            tests[-1].append(row)
            continue
        if row.rate != rows[0].rate:
            raise TrainingError(
                f"{path}, line {row.line}: the rate falls from {before.rate:g} to {row.rate:g}, and a range test only "
                "raises it: sort the rows by it if they are out of order, and leave out what is no test"
            )
        tests.append([row])
    rates = [[rate for rate, _ in groupby(row.rate for row in test)] for test in tests]
    longest = max(rates, key=len)
    for test, own in zip(tests, rates, strict=True):
        if own != longest[: len(own)]:
            raise TrainingError(
                f"{path}, line {test[0].line}: a second test begins here, with other rates: make two files"
            )
    return tests


def _averaged(test: Iterable[Row]) -> list[tuple[float, float]]:
    """A loss for each rate: the mean of those of a rate that is held."""
    held = [(rate, [row.loss for row in rows]) for rate, rows in groupby(test, key=lambda row: row.rate)]
    return [(rate, sum(losses) / len(losses)) for rate, losses in held]
