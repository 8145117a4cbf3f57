"""Whatever takes longer than two seconds shows that it lives, on standard error."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lrtune.trainers.progress.screen import DRAW_EVERY_SECONDS, Screen, shared_screen
from lrtune.trainers.progress.streams import Hearing

SHOWN_AFTER_SECONDS = 2.0
SAID_EVERY_SECONDS = 30.0
"""Where standard error is no terminal."""

Clock = Callable[[], float]
Say = Callable[[str], object]

_open: "list[Alive]" = []
"""Innermost last: only that one shows."""


@contextmanager
def alive(
    doing: str,
    *,
    say: Say | None = None,
    said_after_seconds: float = SHOWN_AFTER_SECONDS,
    clock: Clock = time.monotonic,
    every_seconds: float | None = DRAW_EVERY_SECONDS,
) -> "Iterator[Alive]":
    """While the block takes longer than 2 s: a line in place on a terminal, else one after 2 s and then every 30 s.

    `doing` is what is shown: "waiting for the service". Of blocks within each other the innermost is shown. As soon as
    anything else is printed it is over: the command speaks for itself then. `say` takes the lines where there is no
    terminal, in place of standard error, the first after `said_after_seconds`; `every_seconds` None leaves it to the
    caller to look.
    """
    shown = Alive(doing, shared_screen(), say or _say_on_stderr, said_after_seconds, clock)
    _open.append(shown)
    if every_seconds is not None:
        shown.keep_saying(every_seconds)
    try:
        yield shown
    finally:
        shown.end()
        _open.remove(shown)


def end_fallback() -> None:
    """What is shown while nothing is known of a command ends: it shows what it does by itself."""
    for shown in list(_open):
        shown.end()


class Alive:
    """Says what is being done, for how long by now, and how far it is."""

    def __init__(self, doing: str, screen: Screen | None, say: Say, said_after_seconds: float, clock: Clock) -> None:
        self._doing = doing
        self._screen = screen
        self._say = say
        self._clock = clock
        self._said_after_seconds = said_after_seconds
        self._began = clock()
        self._done: tuple[int, int | None, str] | None = None
        self._said_at: float | None = None
        self._speaking = False
        self._ended = threading.Event()
        if screen is not None:
            screen.add(self.pieces)
        streams = [stream for stream in (sys.stdout, sys.stderr) if stream is not None]
        self._hearing = Hearing(streams, self._heard)  # After the screen's own, which does not hear what it draws.

    def doing(self, what: str) -> None:
        """Goes on to something else: `copying the table trials`."""
        self._doing, self._done = what, None

    def count(self, done: int, of: int | None = None, what: str = "rows") -> None:
        """So many are done: `12,000 of 40,000 rows`."""
        self._done = (done, of, what)

    def end(self) -> None:
        """Shows nothing any more."""
        if not self._ended.is_set():
            self._ended.set()
            self._hearing.end()
            if self._screen is not None:
                self._screen.drop(self.pieces)

    def pieces(self) -> Sequence[str]:
        """`copying the table trials: 12,000 of 40,000 rows`, `12 s`; empty in the first 2 s."""
        seconds = self._clock() - self._began
        if self._ended.is_set() or seconds < SHOWN_AFTER_SECONDS or _open[-1:] != [self]:
            return []
        far = ""
        if self._done is not None:
            done, of, what = self._done
            far = f": {done:,}{'' if of is None else f' of {of:,}'} {what}"
        return [f"{self._doing}{far}", f"{seconds:.0f} s"]

    def look(self) -> None:
        """Says the line where it is time to, after 2 s and then every 30 s."""
        pieces, now = self.pieces(), self._clock()
        due = self._began + self._said_after_seconds if self._said_at is None else self._said_at + SAID_EVERY_SECONDS
        if pieces and now >= due:
            self._said_at = now
            for shown in _open:
                shown._speaking = True
            try:
                self._say(f"{', '.join(pieces)} so far")
            finally:
                for shown in _open:
                    shown._speaking = False

    def keep_saying(self, every_seconds: float) -> None:
        """Looks by itself, until the end, where there is no screen that does."""

        def look() -> None:
            while not self._ended.wait(every_seconds):
                self.look()

        if self._screen is None:
            threading.Thread(target=look, name="lrtune-alive", daemon=True).start()

    def _heard(self, write: Callable[[], Any], text: str) -> Any:
        if text and not self._speaking:
            self.end()
        return write()


def _say_on_stderr(text: str) -> None:
    sys.stderr.write(f"lrtune: {text}\n")
    sys.stderr.flush()
