"""How far a range test is, on standard error while it runs."""

import time
from collections.abc import Callable
from typing import TextIO

from lrtune.service.sentences import range_test as say

SILENT_SECONDS = 2.0
"""What is done sooner says nothing."""

DRAWN_EVERY_SECONDS = 0.1
LINE_EVERY_SECONDS = 30.0
"""Where standard error is no terminal."""


class SweepProgress:
    """One line, drawn anew, on a terminal; elsewhere a line every thirty seconds."""

    def __init__(self, stream: TextIO, seeds: int, steps: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._seeds, self._steps = seeds, steps
        self._clock = clock
        self._terminal = stream.isatty()
        self._due = clock() + (SILENT_SECONDS if self._terminal else LINE_EVERY_SECONDS)
        self._drawn = 0

    def of_seed(self, number: int) -> Callable[[int, float, float], None]:
        """What is called after each step of the test of a seed, its number from 1: with step, rate and loss."""

        def on_step(step: int, rate: float, loss: float) -> None:
            if self._clock() >= self._due:
                self._show(say.step_of(number, self._seeds, step, self._steps, rate, loss))

        return on_step

    def end(self) -> None:
        """Wipes the line from a terminal."""
        if self._drawn:
            self._stream.write(f"\r{' ' * self._drawn}\r")
            self._stream.flush()
            self._drawn = 0

    def _show(self, line: str) -> None:
        if self._terminal:
            self._stream.write(f"\r{line.ljust(self._drawn)}")
            self._drawn = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()
        self._due = self._clock() + (DRAWN_EVERY_SECONDS if self._terminal else LINE_EVERY_SECONDS)
