"""Lines at the foot of a terminal, drawn anew in place below all else that is printed."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO

from rich.cells import cell_len, set_cell_size

from lrtune.trainers.progress.streams import Hearing

DRAW_EVERY_SECONDS = 0.25
USUAL_WIDTH = 80

Line = Callable[[], Sequence[str]]
"""The pieces of a line as they are now, what matters most first; none for no line."""


class Foot(Protocol):
    """Where lines are shown."""

    def add(self, line: Line) -> None:
        """Shows it from the next drawing on."""

    def drop(self, line: Line) -> None:
        """Takes it away, at once."""


class Screen:
    """The foot of the terminal that `stream` writes to. Safe to use from several threads.

    It is drawn every 0.25 s by a thread that lives while there are lines (`every_seconds` None: by `draw` alone), and
    cleared before anything else is written to one of `streams`; after text without a line's end it waits for that.
    The cursor rests at the first column of the first line, so that what goes past Python's streams does least harm.
    """

    def __init__(
        self,
        stream: TextIO,
        streams: Sequence[TextIO] = (),
        *,
        width: Callable[[], int] | None = None,
        every_seconds: float | None = DRAW_EVERY_SECONDS,
    ) -> None:
        self._stream = stream
        self._streams = (stream, *(other for other in streams if other.isatty()))
        self._width = width or (lambda: _width(stream))
        self._every_seconds = every_seconds
        self._lock = threading.RLock()
        self._lines: list[Line] = []
        self._hearing: Hearing | None = None
        self._drawn: list[str] = []
        self._at_line_start = True
        self._ended = threading.Event()

    def add(self, line: Line) -> None:
        """Shows it from the next drawing on."""
        with self._lock:
            self._lines.append(line)
            if self._hearing is None:
                self._hearing = Hearing(self._streams, self._heard)
                self._ended = threading.Event()
                if self._every_seconds is not None:
                    args = (self._ended, self._every_seconds)
                    threading.Thread(target=self._keep_drawing, args=args, name="lrtune-screen", daemon=True).start()

    def drop(self, line: Line) -> None:
        """Takes it away, at once; the streams are as they were when the last has gone."""
        with self._lock:
            if line in self._lines:
                self._lines.remove(line)
            self.draw()
            if not self._lines and self._hearing is not None:
                self._ended.set()
                self._hearing.end()
                self._hearing = None

    def draw(self) -> None:
        """Draws all lines as they are now; those of a process in the background are not drawn."""
        with self._lock:
            if self._hearing is None or not self._at_line_start:
                return
            width = self._width() - 1  # Some terminals begin a new line behind the last column.
            pieces = [line() for line in self._lines] if _in_foreground(self._stream) else []
            lines = [fit(piece, width) for piece in pieces if piece]
            if lines == self._drawn:
                return
            back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
            self._hearing.raw(self._stream, "\x1b[J" + "\n".join(lines) + back + "\r")
            self._drawn = lines

    def _heard(self, write: Callable[[], Any], text: str) -> Any:
        with self._lock:
            if self._drawn and self._hearing is not None:
                self._hearing.raw(self._stream, "\x1b[J")
                self._drawn = []
            if text:
                self._at_line_start = text.endswith("\n")
            return write()

    def _keep_drawing(self, ended: threading.Event, every_seconds: float) -> None:
        while not ended.wait(every_seconds):
            self.draw()


def fit(pieces: Sequence[str], width: int) -> str:
    """As many of the pieces, from the first, as fit beside each other; of one that is too wide, its beginning.

    >>> fit(["trial 3: step 120 of 1000", "loss 0.1234", "0:21 left"], 40)
    'trial 3: step 120 of 1000, loss 0.1234'
    """
    line = " ".join(pieces[0].split())
    for piece in pieces[1:]:
        longer = f"{line}, {' '.join(piece.split())}"
        if cell_len(longer) > width:
            break
        line = longer
    return line if cell_len(line) <= width else set_cell_size(line, max(width - 1, 0)) + "…"


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a line can be drawn anew there, and nobody else draws on it: a terminal that can move its cursor, in no
    child of `multiprocessing`."""
    if stream is None or stream.closed or sys.platform == "win32" or os.environ.get("TERM") == "dumb":
        return False
    process = sys.modules.get("multiprocessing.process")
    return stream.isatty() and (process is None or process.parent_process() is None)


_shared: dict[tuple[int, int], Screen] = {}
_making = threading.Lock()


def shared_screen() -> Screen | None:
    """The screen of this process's standard error, one for all that show something; None where that is no terminal."""
    if not is_terminal(sys.stderr):
        return None
    with _making:
        key = (os.getpid(), id(sys.stderr))
        if key not in _shared:
            _shared.clear()
            _shared[key] = Screen(sys.stderr, (sys.stdout,))
        return _shared[key]


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL_WIDTH
    except (OSError, ValueError):
        return USUAL_WIDTH


def _in_foreground(stream: TextIO) -> bool:
    """Whether the terminal is this process's to draw on; the shell, or another job, may have it."""
    try:
        return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return True
