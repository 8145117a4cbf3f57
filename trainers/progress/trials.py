"""One worker's trials as a person sees them: a line for the running one, and a line for each that has ended."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from lrtune.service.sentences import progress as sentences
from lrtune.trainers.progress.screen import Foot, shared_screen

PACE_OVER_REPORTS = 20
"""The pace is that of the latest reports: the first steps of a training are often slow."""
SHOWN_AFTER_SECONDS = 2.0
"""A wait that is over by then is not worth a word."""
REASON_EVERY_SECONDS = 30.0
"""A wait's reason is asked for anew."""
REPEATED_EVERY_SECONDS = 600.0
"""Where the wait goes on, and there is no terminal to show it on."""

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    """A line of its own on standard error, as it is now: a notebook or a test may have replaced it. Where nobody reads
    it any more, the line is lost, and the training goes on."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


class TrialProgress:
    """What one worker does, trial by trial: told by `study.leases`, shown at the foot of a screen if there is one.

    Each trial's end is a line for `say` (`says_ends`: else for whoever looks at `last`), and a wait longer than 2 s
    where there is no screen. `clock` gives seconds.
    """

    def __init__(
        self,
        *,
        metric: str = "loss",
        learning_rate: str | None = None,
        foot: Foot | None = None,
        say: Say = say_on_stderr,
        says_ends: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metric = metric
        self._rate_name = learning_rate
        self._foot = foot
        self._say = say
        self._says_ends = says_ends
        self._clock = clock
        self._number: int | None = None
        self._params: Mapping[str, object] = {}
        self._max_steps: int | None = None
        self._began = 0.0
        self._first_step = 0
        self._reports: deque[tuple[float, int, float]] = deque(maxlen=PACE_OVER_REPORTS)
        self._waiting: tuple[float, str] | None = None
        self._asked_at = 0.0
        self._said: tuple[float, str] | None = None
        self.last = ""
        """What there is to say of the trial that ended last, as one line."""

    def __enter__(self) -> Self:
        if self._foot is not None:
            self._foot.add(self.pieces)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._number = self._waiting = None
        if self._foot is not None:
            self._foot.drop(self.pieces)

    def begun(self, number: int, params: Mapping[str, object], max_steps: int | None, first_step: int) -> None:
        """A trial is trained from here, after the `first_step` steps that it was trained for before."""
        self.goes_on()
        self._reports.clear()
        self._params, self._max_steps, self._first_step = params, max_steps, first_step
        self._began = self._clock()
        self._number = number

    def reported(self, step: int, value: float) -> None:
        """The service has taken a report."""
        self._reports.append((self._clock(), step, value))

    def ended(self, outcome: str) -> None:
        """The trial is over, or given back."""
        if self._number is None:
            return
        steps = self._reports[-1][1] - self._first_step if self._reports else None
        seconds = self._clock() - self._began
        self.last = sentences.ended(self._number, outcome, self._params, steps=steps, seconds=seconds)
        self._number = None
        if self._says_ends:
            self._say(self.last)

    def waits(self, why: Callable[[], str]) -> None:
        """There is no trial to train; `why()` is a request, and called now and then only."""
        now = self._clock()
        if self._waiting is None:
            self._waiting, self._asked_at = (now, why()), now
        elif now - self._asked_at >= REASON_EVERY_SECONDS:
            self._waiting, self._asked_at = (self._waiting[0], why()), now
        since, reason = self._waiting
        if self._foot is None and now - since >= SHOWN_AFTER_SECONDS:
            before = self._said
            if before is None or before[1] != reason or now - before[0] >= REPEATED_EVERY_SECONDS:
                self._say(reason)
                self._said = (now, reason)

    def goes_on(self) -> None:
        """The wait is over."""
        self._waiting = self._said = None

    def pieces(self) -> Sequence[str]:
        """The line as it is now, what matters most first; empty for none."""
        now = self._clock()
        number, waiting = self._number, self._waiting
        if number is not None:
            return self._running(number, now)
        if waiting is not None and now - waiting[0] >= SHOWN_AFTER_SECONDS:
            return [waiting[1], f"for {sentences.duration(now - waiting[0])}"]
        return []

    def _running(self, number: int, now: float) -> list[str]:
        at, step, value = self._reports[-1] if self._reports else (self._began, None, None)
        pace = self._steps_per_second()
        left = None
        if pace and step is not None and self._max_steps is not None:
            left = max(0.0, (self._max_steps - step) / pace - (now - at))
        rate = self._params.get(self._rate_name) if self._rate_name else None
        return sentences.running(
            number,
            step=step,
            max_steps=self._max_steps,
            metric=self._metric,
            value=value,
            learning_rate=float(rate) if isinstance(rate, int | float) else None,
            steps_per_second=pace,
            seconds=now - self._began,
            seconds_left=left,
        )

    def _steps_per_second(self) -> float | None:
        """Over the latest reports; from the beginning, where there are few."""
        if not self._reports:
            return None
        full = len(self._reports) == PACE_OVER_REPORTS
        since, first = self._reports[0][:2] if full else (self._began, self._first_step)
        now, last, _ = self._reports[-1]
        return (last - first) / (now - since) if now > since and last > first else None


def on_stderr(metric: str, learning_rate: str | None) -> TrialProgress:
    """For a script of one's own: on a terminal the running trial, and a line a trial everywhere."""
    return TrialProgress(metric=metric, learning_rate=learning_rate, foot=shared_screen())
