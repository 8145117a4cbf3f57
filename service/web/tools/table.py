"""A range test as people have it, in a file or pasted: CSV with or without a header, or JSON. Text in, numbers out."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.wire.range_tests import MOST_SEEDS

_RATE_NAMES = ("learning_rate", "learningrate", "learning_rates", "lr", "lrs", "rate", "eta", "x")
_LOSS = re.compile(r"loss|value|metric|^y\d*$|seed", re.I)
_MISSING = ("", "-", "na", "n/a", "null", "none")
_SHOWN = 30


class Unreadable(ValueError):
    """It cannot be read; the text says in which line, and what is wrong."""


@dataclass(frozen=True)
class Table:
    """What was read."""

    learning_rates: list[float]
    losses: list[list[float]]
    """Of each seed, one for each rate, as far as it went."""

    @property
    def body(self) -> dict[str, Any]:
        """As `POST /v1/range-tests` takes it."""
        return {"learning_rates": self.learning_rates, "losses": self.losses[0], "other_seeds": self.losses[1:]}


def read_table(text: str) -> Table:
    """The rates and losses in `text`. Commas, semicolons, tabs or spaces between columns; decimal commas where
    something else separates them; lines that begin with # are left out. Raises Unreadable."""
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise Unreadable("there is nothing in it: paste two columns, learning rate and loss")
    table = _from_json(text) if text.lstrip()[0] in "{[" else _from_lines(text)
    if len(table.losses) > MOST_SEEDS:
        raise Unreadable(f"{len(table.losses)} columns of losses are too many: give {MOST_SEEDS} seeds at most")
    return table


def _from_lines(text: str) -> Table:
    rows = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not rows:
        raise Unreadable("there are only comments in it: paste two columns, learning rate and loss")
    separator = _separator([line for _, line in rows])
    cells = [(number, [cell.strip().strip('"') for cell in re.split(separator, line.strip())]) for number, line in rows]
    rate_at, losses_at = 0, [1]
    if _number(cells[0][1][0]) is None and len(cells) > 1:
        rate_at, losses_at = _columns(*cells[0])
        cells = cells[1:]
    elif len(cells[0][1]) > 2:
        losses_at = list(range(1, len(cells[0][1])))
        if [row[0] for _, row in cells[:3]] in (["0", "1", "2"], ["1", "2", "3"]):
            raise Unreadable(
                f"line {cells[0][0]}: the first column counts steps, it seems: name the columns in a first line, "
                "such as step, learning_rate, loss"
            )
    return _read_rows(cells, rate_at, losses_at)


def _separator(lines: Sequence[str]) -> str:
    """What lies between columns: a tab or semicolon where there is one; a comma unless it is a decimal one; spaces."""
    some = lines[: min(len(lines), 20)]
    for mark in ("\t", ";"):
        if all(mark in line for line in some):
            return mark
    spaced = all(re.fullmatch(r"\S+(\s+\S+)+", line.strip()) for line in some)
    if all("," in line for line in some) and not (spaced and not any(re.search(r",\s", line) for line in some)):
        return ","
    return r"\s+"


def _columns(number: int, names: list[str]) -> tuple[int, list[int]]:
    """Which columns of a header are the rate and the losses."""
    plain = [name.lower().replace(" ", "_").replace("-", "_") for name in names]
    rates = [at for known in _RATE_NAMES for at, name in enumerate(plain) if name == known]
    if len(names) < 2:
        raise Unreadable(f"line {number}: there is one column, {names[0][:_SHOWN]!r}: two are needed, rate and loss")
    if not rates and len(names) > 2:
        raise Unreadable(f"line {number}: no column is called learning_rate or lr, but {', '.join(names)[:200]}")
    rate_at = rates[0] if rates else 0
    others = [at for at in range(len(names)) if at != rate_at]
    losses = [at for at in others if _LOSS.search(plain[at])]
    if not losses and len(others) > 1:
        raise Unreadable(f"line {number}: no column is called loss, but {', '.join(names)[:200]}")
    return rate_at, losses or others


def _read_rows(cells: list[tuple[int, list[str]]], rate_at: int, losses_at: list[int]) -> Table:
    rates: list[float] = []
    losses: list[list[float]] = [[] for _ in losses_at]
    for number, row in cells:
        if len(row) <= rate_at:
            raise Unreadable(f"line {number}: there is no learning rate")
        rate = _number(row[rate_at])
        if rate is None:
            raise Unreadable(f"line {number}: {row[rate_at][:_SHOWN]!r} is no number")
        _check_rate(rate, rates, f"line {number}")
        rates.append(rate)
        for seed, at in zip(losses, losses_at, strict=True):
            _take_loss(seed, row[at] if at < len(row) else "", f"line {number}", len(rates))
    return _whole(rates, losses)


def _take_loss(seed: list[float], text: str, where: str, expected: int) -> None:
    """The next loss of a seed; none where its test had ended before."""
    if text.lower() in _MISSING:
        return
    value = _number(text)
    if value is None:
        raise Unreadable(f"{where}: {text[:_SHOWN]!r} is no number")
    if len(seed) < expected - 1:
        raise Unreadable(f"{where}: there is a loss here, but none in the line before it")
    seed.append(value)


def _whole(rates: list[float], losses: list[list[float]]) -> Table:
    kept = [seed for seed in losses if seed]
    if not kept:
        raise Unreadable("there is no loss in it: two columns are needed, learning rate and loss")
    longest = max(kept, key=len)
    return Table(rates[: len(longest)], [longest, *(seed for seed in kept if seed is not longest)])


def _check_rate(rate: float, before: list[float], where: str) -> None:
    if not math.isfinite(rate) or rate <= 0:
        raise Unreadable(f"{where}: a learning rate must be above 0, but it is {rate:g}")
    if before and rate <= before[-1]:
        raise Unreadable(f"{where}: the rates must rise from line to line, but {rate:g} follows on {before[-1]:g}")


def _number(text: str) -> float | None:
    """With a decimal point or comma; nan and inf too."""
    plain = text.strip().replace("−", "-")
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if not plain.isascii() or "_" in plain:
        return None
    try:
        return float(plain)
    except ValueError:
        return None


def _from_json(text: str) -> Table:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"line {error.lineno}: this is no JSON: {error.msg}") from None
    except RecursionError:
        raise Unreadable("this JSON is nested too deep") from None
    if isinstance(value, dict):
        names = {str(name).lower(): one for name, one in value.items()}
        rates = next((names[name] for name in _RATE_NAMES if isinstance(names.get(name), list)), None)
        losses = names.get("losses", names.get("loss"))
        if rates is None or not isinstance(losses, list):
            raise Unreadable('JSON must be {"learning_rates": [...], "losses": [...]} or a list of pairs')
        seeds = losses if losses and isinstance(losses[0], list) else [losses, *(names.get("other_seeds") or [])]
        return _from_lists(rates, seeds)
    return _from_pairs(value)


def _from_pairs(value: Any) -> Table:
    pairs = [list(one.values()) if isinstance(one, dict) else one for one in value]
    for at, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Unreadable(f"item {at + 1}: must be a pair of learning rate and loss")
    return _from_lists([pair[0] for pair in pairs], [[pair[1] for pair in pairs]])


def _from_lists(rates: list[Any], seeds: list[Any]) -> Table:
    read: list[float] = []
    for at, rate in enumerate(rates, 1):
        number = _number(str(rate))
        if number is None:
            raise Unreadable(f"learning_rates, item {at}: {str(rate)[:_SHOWN]!r} is no number")
        _check_rate(number, read, f"learning_rates, item {at}")
        read.append(number)
    losses: list[list[float]] = []
    for seed in seeds:
        if not isinstance(seed, list) or len(seed) > len(read):
            raise Unreadable(f"losses must be one for each rate: there are {len(read)} rates")
        taken: list[float] = []
        for at, loss in enumerate(seed, 1):
            _take_loss(taken, "nan" if loss is None else str(loss), f"losses, item {at}", at)
        losses.append(taken)
    return _whole(read, losses)
