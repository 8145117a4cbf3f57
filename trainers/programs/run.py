"""One run of a program for one trial: what it prints and calls is reported, and what the service says is done."""

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import (
    InvalidReport,
    InvalidRequest,
    LeaseLost,
    LrtuneError,
    ProgramFailed,
    Shutdown,
    TrialPaused,
    TrialStopped,
)
from lrtune.trainers.programs.calls import Call
from lrtune.trainers.programs.losses import Point, SlowPattern
from lrtune.trainers.programs.process import Process
from lrtune.trainers.programs.reading import Reader

LOOK_EVERY_SECONDS = 0.1
MOST_AT_ONCE = 500
"""Points in one report."""


@dataclass(frozen=True)
class Limits:
    """How long a program may take, in seconds."""

    grace_seconds: float
    """Between SIGTERM and SIGKILL; and for one that `lrtune report` has told to stop, until SIGTERM."""
    trial_timeout_seconds: float | None = None
    """From its start to its end; None for no limit."""


class Run:
    """Within `with`, the program runs; when it ends, nothing of it is left."""

    def __init__(
        self, trial: LeasedTrial, process: Process, reader: Reader, limits: Limits, *, name: str, lacking: str
    ) -> None:
        """`name` is what the program is called, `lacking` says that no line of it has a loss."""
        self._trial = trial
        self._process = process
        self._reader = reader
        self._limits = limits
        self._name = name
        self._lacking = lacking
        self._began = time.monotonic()
        self._seen: set[int] = set()
        self._repeated: int | None = None
        self._told: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._process.end_stragglers()
            else:
                self._end(error)
        finally:
            if not self._process.is_gone():
                self._process.kill()
            self._reader.abandon()
            self._process.close()
            if error is not None:
                self._answer(self._reader.inbox.take(0), error)

    @property
    def repeated(self) -> int | None:
        """A step that was printed twice, with two values; the first counts."""
        return self._repeated

    @property
    def counts_from_0(self) -> bool:
        """Whether the steps look like those of a program that calls its first one 0."""
        most = self._trial.max_steps
        return most is not None and 0 in self._seen and max(self._seen) == most - 1

    def follow(self) -> None:
        """Reports until the program has ended. Raises ProgramFailed, and what reports raise."""
        timeout = self._limits.trial_timeout_seconds
        while (code := self._process.poll()) is None:
            if self._reader.ended.is_set():
                self._process.wait(LOOK_EVERY_SECONDS)
            self._report(self._reader.inbox.take(LOOK_EVERY_SECONDS))
            self._trial.check()
            self._check_reader()
            if timeout is not None and time.monotonic() - self._began > timeout:
                raise self._failed(f"did not end within {timeout:g} s (--trial-timeout-seconds)")
        self._process.end_stragglers()
        self._reader.finish()
        while not self._reader.ended.is_set() or self._reader.inbox:
            self._report(self._reader.inbox.take(LOOK_EVERY_SECONDS))
        self._judge(code)

    def _judge(self, code: int) -> None:
        """Raises ProgramFailed unless the program ended well, with a loss."""
        if code < 0:
            raise self._failed(f"was killed by {_signal_name(-code)}")
        if code > 0:
            raise self._failed(f"ended with exit code {code}")
        self._check_reader()
        if not self._seen:
            odd = self._reader.odd_step
            if odd is not None:
                raise self._failed(f"printed steps that are no whole numbers, like {odd:g}: print whole ones, or none")
            unread, written = self._reader.unread
            if unread:
                raise self._failed(f"printed losses that are no numbers, like {written[:40]!r}: print numbers, or nan")
            raise self._failed(f"gave no loss: {self._lacking}, and did not call `lrtune report`")

    def _check_reader(self) -> None:
        """Raises what keeps the reader from finding losses."""
        if isinstance(self._reader.error, SlowPattern):
            raise self._failed(str(self._reader.error))
        if self._reader.error is not None:
            raise self._reader.error

    def _failed(self, what: str) -> ProgramFailed:
        return ProgramFailed(f"{self._name} {what}", self._reader.tail.lines)

    def _report(self, items: Iterable[Point | Call]) -> None:
        left = deque(items)
        try:
            self._report_each(left)
        except BaseException as error:
            self._answer(left, error)  # Who called after the loss that ends the trial would wait on.
            raise

    def _report_each(self, left: deque[Point | Call]) -> None:
        """Takes away from `left` what it has done."""
        points: list[tuple[int, float]] = []
        while left:
            item = left[0]
            if isinstance(item, Point):
                if self._is_new(item):
                    points.append((item.step, item.value))
            else:
                self._send(points)
                points = []
                self._report_call(item)
            left.popleft()
        self._send(points)

    def _check_length(self, step: float) -> None:
        most = self._trial.max_steps
        if most is not None and step > most:
            raise self._failed(
                f"went on to step {step:g} of a trial of {most} steps: end it after {{max_steps}}, "
                "or create the study with a larger --max-steps"
            )

    def _is_new(self, point: Point) -> bool:
        self._check_length(point.step)
        if point.step in self._seen:
            self._repeated = point.step
            return False
        self._seen.add(point.step)
        return True

    def _send(self, points: list[tuple[int, float]]) -> None:
        for start in range(0, len(points), MOST_AT_ONCE):
            self._trial.report_all(points[start : start + MOST_AT_ONCE])

    def _report_call(self, call: Call) -> None:
        try:
            self._check_length(call.step)
            self._trial.report(call.step, call.value, checkpoint=call.checkpoint)
        except (InvalidReport, InvalidRequest) as error:
            call.refuse(str(error))
        else:
            self._seen.add(int(call.step))
            call.answer("continue")

    # The end

    def _end(self, error: BaseException) -> None:
        """Ends the program because of `error`; it may still report a checkpoint meanwhile."""
        grace_seconds = self._limits.grace_seconds
        if self._told is not None:
            self._serve(lambda: self._process.poll() is not None, grace_seconds, patient=False)
        else:
            self._told = _verdict_of(error)
        self._process.end(self._serve, grace_seconds)

    def _serve(self, ended: Callable[[], bool], seconds: float, *, patient: bool = True) -> None:
        """Answers calls until the program has ended. Who is not patient waits no longer where it goes on as if it had
        not been told."""
        deadline = time.monotonic() + seconds
        while not ended() and time.monotonic() < deadline:
            for item in self._reader.inbox.take(LOOK_EVERY_SECONDS):
                if isinstance(item, Point):
                    continue
                assert self._told is not None
                if item.checkpoint is None and not patient:
                    deadline = -math.inf
                self._note_checkpoint(item, self._told)

    def _answer(self, items: Iterable[Point | Call], error: BaseException) -> None:
        """Tells whoever called, and waits, of the end that has come meanwhile."""
        for call in items:
            if isinstance(call, Point):
                continue
            if isinstance(error, TrialStopped | LeaseLost):
                self._told = self._told or _verdict_of(error)
            if self._told is None and isinstance(error, LrtuneError):
                call.refuse(str(error))
            else:
                self._note_checkpoint(call, self._told or _verdict_of(error))

    def _note_checkpoint(self, call: Call, verdict: tuple[str, str]) -> None:
        try:
            if call.checkpoint is not None:
                self._trial.checkpoint(call.checkpoint, call.step)
        except LrtuneError as error:
            call.refuse(str(error))
        else:
            call.answer(*verdict)


def _verdict_of(error: BaseException) -> tuple[str, str]:
    return ("pause" if isinstance(error, TrialPaused | Shutdown) else "stop"), str(error)


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name} (out of memory, perhaps)" if number == signal.SIGKILL else name
