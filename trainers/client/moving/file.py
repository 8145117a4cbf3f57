"""Whether lines are a whole export of a study: said before anything is made of them."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrtune.trainers.errors import StudyFileInvalid


@dataclass(frozen=True)
class StudyFile:
    """A file that was looked through, and is whole."""

    path: Path
    name: str
    """Of the study."""
    format: str
    lrtune: str
    """The version that wrote it."""
    sha256: str
    lines: int

    def read(self) -> Iterator[dict[str, Any]]:
        """Its lines, one by one. Raises StudyFileInvalid where it was changed since."""
        yield from _parsed(self.path, self.path.name)


def checked_file(path: str | Path, where_changed: Callable[[Path], str] | None = None) -> StudyFile:
    """The file, looked through. Raises StudyFileInvalid, which names the line, where `where_changed` finds it for a
    file that was changed; and OSError."""
    path = Path(path)
    whole = WholeCheck(path.name)
    for line in _parsed(path, path.name):
        whole.take(line)
    first, last = whole.ends(None if where_changed is None else lambda: where_changed(path))
    return StudyFile(
        path, str(first.get("name")), str(first.get("format")), str(first.get("lrtune")), last["sha256"], whole.lines
    )


@dataclass
class WholeCheck:
    """Takes the lines of an export, one by one; at the end, `ends` says whether they are all of it."""

    what: str
    """What they are of, for people: the name of a file."""
    lines: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _first: dict[str, Any] = field(default_factory=dict)
    _last: dict[str, Any] = field(default_factory=dict)

    def take(self, line: dict[str, Any]) -> None:
        """The next line. Raises StudyFileInvalid."""
        self.lines += 1
        kind = line.get("kind")
        if self.lines == 1:
            if kind != "study":
                raise StudyFileInvalid(
                    f"{self.what} is no export of a study: its first line is of kind {kind!r}, not 'study'; "
                    "make one with `lrtune study export`"
                )
            self._first = line
            line = {name: told for name, told in line.items() if name != "name"}
        if self._last:
            raise StudyFileInvalid(f"{self.what}, line {self.lines}: stands after the last line of the export")
        if kind == "end":
            self._last = line
        else:
            self._digest.update(as_line(line))

    def ends(self, where_changed: Callable[[], str] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The first and the last line. Raises StudyFileInvalid where they are not all of an export."""
        if not self._last:
            raise StudyFileInvalid(f"{self.what} {self._cut()}: it was cut off; export the study anew")
        if self._last.get("sha256") != self._digest.hexdigest():
            where = "" if where_changed is None else f", {where_changed()}"
            raise StudyFileInvalid(f"{self.what} was changed since it was exported{where}; export the study anew")
        return self._first, self._last

    def _cut(self) -> str:
        return f"has {self.lines:,} lines and no last one" if self.lines else "is empty"


def as_line(line: dict[str, Any]) -> bytes:
    """The line as it is exported, to the byte."""
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def parsed_line(text: bytes, what: str, number: int) -> dict[str, Any]:
    """A line of the file. Raises StudyFileInvalid."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        cut = "" if text.endswith(b"\n") else ", and the file ends in the midst of it"
        raise StudyFileInvalid(f"{what}, line {number}: is not a JSON object{cut}; export the study anew")
    return line


def _parsed(path: Path, what: str) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from parsed_lines(file, what)


def parsed_lines(lines: Iterable[bytes], what: str) -> Iterator[dict[str, Any]]:
    """The lines, each as an object. Raises StudyFileInvalid."""
    for number, text in enumerate(lines, 1):
        yield parsed_line(text, what, number)
