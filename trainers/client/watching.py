"""Who is told of a leased trial beside the service: the line at the foot of a terminal, trackers."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lrtune.service.sentences.failures import error_line
from lrtune.service.wire import trials as wire
from lrtune.trainers.progress.trials import TrialProgress
from lrtune.trainers.tracking.tracker import Ending, TrackedTrial
from lrtune.trainers.tracking.tracking import Tracking


class Watching:
    """Of one lease. None of them raises, and none is waited for."""

    def __init__(
        self, progress: TrialProgress | None = None, tracking: Tracking | None = None, *, worker: str | None = None
    ) -> None:
        self._progress = progress
        self._tracking = tracking
        self._worker = worker
        self._trial: TrackedTrial | None = None

    def begun(
        self, number: int, attempt: int, params: Mapping[str, Any], max_steps: int | None, first_step: int
    ) -> None:
        """The trial is trained from here, after the `first_step` steps that it was trained for before."""
        if self._progress is not None:
            self._progress.begun(number, params, max_steps, first_step)
        if self._tracking is not None:
            self._trial = TrackedTrial(self._tracking.study, number, attempt, dict(params), self._worker, max_steps)
            self._tracking.begun(self._trial, first_step)

    def reported(self, reports: Sequence[wire.Report]) -> None:
        """The training has reported."""
        if self._progress is not None:
            self._progress.reported(reports[-1].step, reports[-1].value)

    def taken(self, reports: Sequence[wire.Report]) -> None:
        """The service has taken reports, perhaps later than they were made; from whatever thread."""
        if self._tracking is not None and self._trial is not None:
            self._tracking.reported(self._trial, [(report.step, report.value) for report in reports])

    def ended(self, outcome: str, ending: Ending | None, *, lost: bool) -> None:
        """The lease is over: the trial has ended; or, without an `ending`, it goes on another time; or it is `lost`."""
        if self._progress is not None:
            why = error_line(ending.error) if ending is not None and ending.error else ""
            self._progress.ended(f"{outcome}: {why}" if why else outcome)
        if self._tracking is None or self._trial is None:
            return
        if ending is not None:
            self._tracking.ended(self._trial, ending)
        elif lost:
            self._tracking.left(self._trial)
        else:
            self._tracking.given_back(self._trial)


def ending_of(
    outcome: str, state: wire.Outcome, *, value: float | None = None, error: str | None = None, **_: Any
) -> Ending:
    """What trackers are told of a result that the service has taken, and of which people are told the `outcome`."""
    if state == "complete" and value is not None and not math.isfinite(value):
        state = "diverged"  # As the service has it.
    why = outcome if state in ("pruned", "diverged") else None
    return Ending(state, value, error, why, time.time())
