"""What a simulated worker knows to be true: written down after the service has said so, read when all is over."""

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDPOINTS = ("ask", "report", "result", "release", "look", "sleep")
"""What is timed; `look`: a GET of a trial, `sleep`: how late the load itself wakes up from one."""
_FIELDS = 3

Entry = dict[str, Any]


@dataclass(frozen=True)
class Timed:
    """An answered request."""

    endpoint: str
    at: float
    """When it was sent, by the machine's monotonic clock."""
    seconds: float


class Journal:
    """The files of one process. Timings are numbers in one file, all else lines of JSON in another."""

    def __init__(self, path: Path) -> None:
        self._lines = path.open("a", buffering=1 << 16)
        self._timings = path.with_suffix(".timings").open("ab")

    def note(self, kind: str, **what: Any) -> None:
        """Write an entry of that kind."""
        self._lines.write(json.dumps({"kind": kind, **what}) + "\n")

    def time(self, endpoint: str, at: float, seconds: float) -> None:
        """Write down how long an answer took."""
        array("d", (ENDPOINTS.index(endpoint), at, seconds)).tofile(self._timings)

    def close(self) -> None:
        """Put all of it into the files."""
        self._lines.close()
        self._timings.close()


def entries(paths: list[Path]) -> list[Entry]:
    """Of all processes, in the order of their times (`at`)."""
    found: list[Entry] = []
    for path in paths:
        with path.open() as lines:
            found += map(json.loads, lines)
    return sorted(found, key=lambda entry: float(entry["at"]))


def timings(paths: list[Path]) -> Iterator[Timed]:
    """Of all processes."""
    for path in paths:
        numbers = array("d")
        numbers.frombytes(path.with_suffix(".timings").read_bytes())
        for place in range(0, len(numbers), _FIELDS):
            endpoint, at, seconds = numbers[place : place + _FIELDS]
            yield Timed(ENDPOINTS[int(endpoint)], at, seconds)
