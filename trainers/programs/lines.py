"""A program's output, taken apart into lines: any bytes, in pieces of any size."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST_BYTES = 65_536
"""Of a line; what is beyond is not looked at."""
MOST_KEPT = 20
LONGEST_KEPT = 300

_END = re.compile(rb"\r\n|\n|\r(?=[^\n])")
_COMMANDS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
"""Of a terminal: colours, titles of windows."""


@dataclass(frozen=True)
class Line:
    """A line, or what stood in it until the next overwrote it (after a carriage return), as progress bars do."""

    text: str
    overwritten: bool = False


class Lines:
    """The lines of one stream. A line counts once its end has come: one that is half written says nothing yet."""

    def __init__(self) -> None:
        self._begun = b""

    def take(self, content: bytes) -> Iterator[Line]:
        """The lines that end in `content`."""
        content, start = self._begun + content, 0
        for end in _END.finditer(content):
            yield _line(content[start : end.start()], overwritten=end[0] == b"\r")
            start = end.end()
        self._begun = content[start : start + LONGEST_BYTES]

    def end(self) -> Iterator[Line]:
        """What was written last, without a line's end."""
        begun, self._begun = self._begun, b""
        if begun:
            yield _line(begun, overwritten=False)


def _line(content: bytes, *, overwritten: bool) -> Line:
    text = content[:LONGEST_BYTES].decode("utf-8", "replace").rstrip("\r")
    return Line(_COMMANDS.sub("", text) if "\x1b" in text else text, overwritten)


class Tail:
    """The last lines of a program, for whoever has to find out why it failed."""

    def __init__(self) -> None:
        self._kept: deque[str] = deque(maxlen=MOST_KEPT)

    def keep(self, line: Line) -> None:
        """Keeps a line that is not empty."""
        text = line.text.rstrip()
        if text and not line.overwritten:
            self._kept.append(text if len(text) <= LONGEST_KEPT else text[: LONGEST_KEPT - 1] + "…")

    @property
    def lines(self) -> list[str]:
        """The first of them first."""
        return list(self._kept)
