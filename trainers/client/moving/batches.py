"""The lines of a study's file in batches, each no more than a request takes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from lrtune.service.wire.study_lines import LINES_A_BATCH, MOST_WEIGHT, weight

MOST_BYTES = 512 * 1024
"""Of the lines of a batch: half of what a service takes by default, so that what stands around them fits in."""


@dataclass
class Batch:
    """Some lines of a file, in their order."""

    first: int
    """The number of the first of them, counted from 0."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    _bytes: int = 0
    _weight: int = 0

    @property
    def after(self) -> int:
        """The number of the line after them."""
        return self.first + len(self.lines)

    def takes(self, size: int, heavy: int) -> bool:
        """Whether there is room for one more line; there always is for one."""
        fits = self._bytes + size <= MOST_BYTES and self._weight + heavy <= MOST_WEIGHT
        return not self.lines or (fits and len(self.lines) < LINES_A_BATCH)

    def add(self, line: dict[str, Any], size: int, heavy: int) -> None:
        """One more line."""
        self.lines.append(line)
        self._bytes += size
        self._weight += heavy


def batches(lines: Iterable[dict[str, Any]], first: int = 0) -> Iterator[Batch]:
    """All lines, from that number on, in batches."""
    batch = Batch(first)
    for line in lines:
        size, heavy = len(json.dumps(line)), _weight(line)
        if not batch.takes(size, heavy):
            yield batch
            batch = Batch(batch.after)
        batch.add(line, size, heavy)
    if batch.lines:
        yield batch


def _weight(line: dict[str, Any]) -> int:
    """As the service weighs it."""
    curve = line.get("curve") if line.get("kind") == "trial" else line
    parts = sum(_length(line.get(name)) for name in ("params", "user_attrs", "system_attrs"))
    return weight(_length(curve.get("steps")) if isinstance(curve, dict) else 0, parts)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0
