"""What a framework's callback tells of a trial, and what it is told.

A report waits for its verdict for a two-hundredth of the time since the one before, so that a step of a second or more
ends with what is said of it, and one of milliseconds goes on: it hears that within a later one, by `interrupted`. With
a checkpoint it waits as long as it takes, since older ones are deleted then.

A verdict is kept and not raised at once: the framework ends its training by its own means, with what its other
callbacks do at the end, and then `end` raises it, for `with trial:` to take.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.client.report_checks import read_value
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import InvalidReport, LeaseLost, TrialStopped
from lrtune.trainers.integrations.directions import warn_of_direction

WAITED_SHARE = 0.005
"""Of a training's time, for verdicts."""


def checked_trial(trial: Any) -> Any:
    """The trial that a callback was given. Raises TypeError for what is none."""
    if not all(hasattr(trial, name) for name in ("report", "should_stop", "last_step")):
        raise TypeError(
            f"TrialCallback takes a trial on lease, as in `for trial in study.leases(): …`, not {trial!r:.60}"
        )
    return trial


class Reports:
    """The reports of one training of `trial`, of the metric `monitor`."""

    def __init__(self, trial: LeasedTrial | SharedTrial, monitor: str | None = None) -> None:
        if monitor is not None:
            warn_of_direction(trial, monitor)
        self.trial = trial
        self._verdict: TrialStopped | LeaseLost | None = None
        self._interrupted = False
        self._since = time.monotonic()

    @property
    def ended(self) -> bool:
        """Whether the service has ended the training."""
        return self._verdict is not None or self._interrupted

    def begin(self) -> None:
        """Raises TrialNotOpen outside `with trial:`, before anything is trained."""
        self._verdict, self._interrupted = None, False
        self.trial.check()
        self._since = time.monotonic()

    def begin_step(self, step: int, remedy: str) -> None:
        """Raises InvalidReport where this trial has a later report already, which is not to be trained again."""
        last = self.trial.last_step
        if last is not None and step <= last:
            raise InvalidReport(
                f"step {step} of trial {self.trial.number} comes after step {last}, which is reported: the "
                f"training was begun again, or has two callbacks for one trial; {remedy}"
            )

    def interrupted(self) -> bool:
        """Whether the training is to end within a step: look as often as you like, nothing is sent to the service. Of
        several ranks all look at the same places, and see the same."""
        if self.trial.should_stop:
            self._interrupted = True
        return self._interrupted

    def report(self, step: int, value: Any, save: Callable[[], str | None] | None = None) -> None:
        """Reports, with the checkpoint that `save` writes, but not that of a training that has diverged."""
        number = self._of_all(read_value(value))
        where = save() if save is not None and math.isfinite(number) else None
        try:
            self.trial.report(step, number, checkpoint=where, wait_seconds=self._patience() if where is None else None)
        except (TrialStopped, LeaseLost) as verdict:
            self._verdict = verdict
        finally:
            self._since = time.monotonic()

    def _of_all(self, number: float) -> float:
        """Rank 0's, where several train the trial: a checkpoint is written by all of them, or by none."""
        if isinstance(self.trial, SharedTrial):
            return float(self.trial.on_first("value", lambda _: number))
        return number

    def _patience(self) -> float:
        return WAITED_SHARE * (time.monotonic() - self._since)

    def end(self) -> None:
        """Raises TrialStopped, TrialPaused or LeaseLost where the service has ended the training."""
        if self._verdict is not None:
            raise self._verdict
        if self._interrupted:
            self.trial.check()


def read_metric(measured: Mapping[str, Any] | None, monitor: str, *, where: str, remedy: str) -> Any:
    """The value of `monitor`. Raises InvalidReport, which names what there is, where that is not measured."""
    found = measured or {}
    if monitor not in found:
        there = ", ".join(sorted(found)) or "nothing"
        raise InvalidReport(f"there is no {monitor!r} among what was measured {where}, only {there}: {remedy}")
    return found[monitor]
