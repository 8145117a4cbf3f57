"""What a lease has reported: its curve, and what is odd about it."""

import math
import warnings
from collections.abc import Iterable

from lrtune.service.wire.trials import Report
from lrtune.trainers.errors import InvalidReport, LrtuneWarning


class Curve:
    """The reports of one lease on trial `number`, which is to be trained for `max_steps`; None where that is open."""

    def __init__(self, number: int, max_steps: int | None) -> None:
        self._number = number
        self._max_steps = max_steps
        self._values: dict[int, float] = {}
        self._warned = False
        self.last_step: int | None = None
        """The highest step."""

    @property
    def value(self) -> float | None:
        """After the highest step; None without a report."""
        return None if self.last_step is None else self._values[self.last_step]

    @property
    def points(self) -> list[tuple[int, float]]:
        """By step."""
        return sorted(self._values.items())

    def add(self, reports: Iterable[Report]) -> None:
        """Of a step that is reported again the first value counts, as it does for the service; a LrtuneWarning says so.

        Raises InvalidReport for a step that is not to be trained.
        """
        reports = list(reports)
        for report in reports:
            if self._max_steps is not None and report.step > self._max_steps:
                raise InvalidReport(
                    f"step {report.step} is beyond the {self._max_steps} steps of trial {self._number}: "
                    "train for trial.max_steps steps, epochs=trial.max_steps say"
                )
        for report in reports:
            before = self._values.setdefault(report.step, report.value)
            if not (before == report.value or (math.isnan(before) and math.isnan(report.value))):
                self._warn_of_repeat(report, before)
            self.last_step = report.step if self.last_step is None else max(self.last_step, report.step)

    def warn_of_zero(self) -> None:
        """At the end: a LrtuneWarning where the steps were counted from 0."""
        last = self.last_step
        if last is not None and 0 in self._values and last + 1 == len(self._values) == self._max_steps:
            warnings.warn(
                f"steps 0 to {last} were reported of {self._max_steps}: steps are counted from 1, and 0 is before the "
                "first; report(step + 1, …)",
                LrtuneWarning,
                stacklevel=5,
            )

    def _warn_of_repeat(self, report: Report, before: float) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"step {report.step} of trial {self._number} was reported again, as {report.value:.6g} after "
                f"{before:.6g}: the first counts; report each step once, a mean over its batches say",
                LrtuneWarning,
                stacklevel=5,
            )
