"""Losses in a program's lines: by a regular expression, or as JSON."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import regex

from lrtune.trainers.errors import TaskError
from lrtune.trainers.programs.lines import Line
from lrtune.trainers.written_numbers import read_written

STEPS = ("step", "epoch", "global_step", "iteration", "iter")
VALUES = ("value", "val_loss", "valid_loss", "validation_loss", "eval_loss", "loss")
"""Names in lines of JSON, the first that is there."""
LONGEST_SEARCHED = 4096
"""Characters of a line, the first ones: many a usual expression takes the square of them in steps."""
SEARCH_SECONDS = 1.0
"""Of the processor, for one line."""


@dataclass(frozen=True)
class Found:
    """What a line says; `step` None where it does not say which, `value` None where what stands for it is no number."""

    step: float | None
    value: float | None
    written: str = ""
    """What stands for the value, where it is none."""


Find = Callable[[str], Found | None]


class SlowPattern(Exception):
    """An expression that tries too many ways to match a line."""


@dataclass(frozen=True)
class Point:
    """The loss after `step` steps."""

    step: int
    value: float


class ByPattern:
    """The first match of a regular expression with the groups `value` and, if there are steps to read, `step`.

    It is Python's, and `regex` searches for it: `re` cannot be told to give up, and no other thread runs meanwhile, the
    one that renews the lease among them.
    """

    def __init__(self, pattern: str) -> None:
        """Raises TaskError for what is no such expression."""
        try:
            re.compile(pattern)  # What regex alone understands is refused.
            self._pattern = regex.compile(pattern)
        except (re.error, regex.error) as error:
            raise TaskError(f"--pattern '{pattern}' is no regular expression: {error}") from None
        if "value" not in self._pattern.groupindex:
            raise TaskError(f"--pattern '{pattern}' names no group value: write (?P<value>…) around the loss")
        self._has_step = "step" in self._pattern.groupindex
        self.lacking = f"no line that it printed matches --pattern '{pattern}'"
        self._slow = (
            f"printed a line that --pattern '{pattern}' takes more than {SEARCH_SECONDS:g} s to search: write one that "
            "can match a text in one way only, [0-9]+ in place of ([0-9]|[0-9][0-9])+ say"
        )

    def __call__(self, text: str) -> Found | None:
        """What a line says; None for any other line. Raises SlowPattern."""
        try:
            found = self._pattern.search(text[:LONGEST_SEARCHED], timeout=SEARCH_SECONDS, concurrent=True)
        except TimeoutError:
            raise SlowPattern(self._slow) from None
        if found is None or found["value"] is None:
            return None
        value = _number(found["value"])
        written = "" if value is not None else found["value"]
        return Found(_number(found["step"]) if self._has_step else None, value, written)


class ByJson:
    """Lines of JSON: `{"step": 3, "value": 0.41}`.

    The value goes by the name of the study's metric. Where that is `loss`, or a description and no name, usual names
    are read, too, and that of the first loss is kept: those of two data sets are not mixed.
    """

    def __init__(self, metric: str) -> None:
        named = metric != "loss" and metric.isidentifier()
        self._names = (
            (metric, "value") if named else tuple(dict.fromkeys((metric, *VALUES) if metric != "loss" else VALUES))
        )
        self._name: str | None = None
        self.lacking = f'it printed no line like {{"step": 3, "{metric}": 0.41}} (--pattern reads any other)'

    def __call__(self, text: str) -> Found | None:
        """What a line says; None for any other line."""
        if not text.lstrip().startswith("{"):
            return None
        try:
            said: Any = json.loads(text)
        except (ValueError, RecursionError):
            return None
        names = [name for name in (self._names if self._name is None else (self._name,)) if name in said]
        step = next((_number(said[step]) for step in STEPS if step in said), None)
        for name in names:
            value = _number(said[name])
            if value is not None:
                self._name = name
                return Found(step, value)
        return Found(step, None, json.dumps(said[names[0]])) if names else None


def _number(given: Any) -> float | None:
    if isinstance(given, str):
        return read_written(given)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    try:
        return float(given)
    except OverflowError:
        return None


class Losses:
    """The points of one stream's lines, with a step each; what cannot be used is counted.

    Steps that are not printed are counted, from `after` on. What a progress bar overwrites counts only where another
    step comes next: of each step as it stood last.
    """

    def __init__(self, find: Find, *, count: Iterator[int], shift: int = 0) -> None:
        """`count` gives the steps of lines that name none; `shift` is added to those that are printed."""
        self._find = find
        self._count = count
        self._shift = shift
        self._held: Point | None = None
        self.odd_step: float | None = None
        """A step that is no whole number, and so none."""
        self.unread = 0
        """Lines whose value is no number."""
        self.written = ""
        """What stood for it, the last time."""

    def take(self, line: Line) -> Iterator[Point]:
        """The points that are settled by this line."""
        found = self._find(line.text)
        if found is not None and found.step is not None and not _is_step(found.step + self._shift):
            self.odd_step, found = found.step, None
        if found is None or found.value is None:
            self._leave_out(found, line)
            if not line.overwritten:
                yield from self.end()
            return
        if found.step is None:
            if not line.overwritten:
                yield Point(next(self._count), found.value)
            return
        point = Point(int(found.step) + self._shift, found.value)
        if self._held is not None and self._held.step != point.step:
            yield self._held
        self._held = point if line.overwritten else None
        if not line.overwritten:
            yield point

    def _leave_out(self, found: Found | None, line: Line) -> None:
        """A loss that cannot be read; its step is counted all the same."""
        if found is not None and not line.overwritten:
            self.unread, self.written = self.unread + 1, found.written
            if found.step is None:
                next(self._count)

    def end(self) -> Iterator[Point]:
        """The point that waits for the end of its line."""
        held, self._held = self._held, None
        if held is not None:
            yield held


def _is_step(step: float) -> bool:
    return 0 <= step < 2**31 and step.is_integer()
