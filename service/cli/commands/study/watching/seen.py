"""What is known of a study that is watched: what the service says, read again as it changes.

However long the history, a look reads one page of running trials, the curves of those that are shown, and the trials
that have ended since, some of them where they are many.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from lrtune.service.sentences.failures import error_line, failures

if TYPE_CHECKING:
    from lrtune.service.cli.commands.study.following import Following
    from lrtune.service.wire.studies import Study, StudyStatus
    from lrtune.service.wire.trials import Trial
    from lrtune.trainers.client.client import Client

MOST_SHOWN = 40
"""Running trials whose curves are read, the latest."""
_CURVE_POINTS, _BEST_OF, _LATEST, _ERRORS = 40, 300, 30, 50


@dataclass(frozen=True)
class InTraining:
    """A running trial with its curve."""

    trial: "Trial"
    curve: Sequence[float] = ()
    since: float | None = None
    """When its last report was seen to come in, by the clock; None where it was there from the first look."""


@dataclass(frozen=True)
class Seen:
    """All that is shown."""

    study: "Study"
    status: "StudyStatus"
    running: Sequence[InTraining] = ()
    """The latest, the newest last."""
    best: Sequence[float] = ()
    """The best value so far, after each of the latest complete trials."""
    ended: Sequence["Trial"] = ()
    """The latest, in the order in which they were seen to end."""
    failed: str = ""
    """What the failed trials failed with."""
    notice: str = ""
    """That the service is away, say; takes the place of the study's explanation."""


class Looking:
    """Reads what there is to see. Every call raises ServiceError, ServiceUnreachable."""

    def __init__(
        self, client: "Client", study: "Study", following: "Following", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._name, self._following, self._clock = client, study.name, following, clock
        latest = list(islice(client.trials(study.name, newest=True, page=_LATEST), _LATEST))
        over = [trial for trial in reversed(latest) if trial.state not in ("running", "waiting")]
        self._ended: deque[Trial] = deque(over, _LATEST)
        self._watched: dict[int, InTraining] = {}
        self._first = True
        self.seen = Seen(study, following.status)
        self.take_in(())

    def take_in(self, ended: Iterable["Trial"]) -> None:
        """What the following knows now, and what has ended since the last call."""
        old, status = self.seen, self._following.status
        fresh = self._first or status.trials.complete != old.status.trials.complete
        broken = self._first or status.trials.failed != old.status.trials.failed
        running = [self._training(trial) for trial in self._following.running[-MOST_SHOWN:]]
        best = self._best_so_far(old.study) if fresh else old.best
        failed = self._failures(status) if broken else old.failed
        # All is read; what fails before is read again by the next call.
        self._watched, self._first = {one.trial.number: one for one in running}, False
        self._ended.extend(ended)
        shown = tuple(self._ended)
        self.seen = replace(old, status=status, running=running, best=best, ended=shown, failed=failed, notice="")

    def _training(self, trial: "Trial") -> InTraining:
        known = self._watched.get(trial.number)
        if known is not None and (known.trial.step, known.trial.attempt) == (trial.step, trial.attempt):
            return replace(known, trial=trial)
        curve: Sequence[float] = ()
        if trial.step is not None:
            read = self._client.trial(self._name, trial.number, max_points=_CURVE_POINTS).curve
            curve = [report.value for report in read]
        return InTraining(trial, curve, None if self._first or trial.step is None else self._clock())

    def _best_so_far(self, study: "Study") -> list[float]:
        """Over the latest complete trials, by number: not of short trainings."""
        latest = list(islice(self._client.trials(self._name, state="complete", newest=True, page=_BEST_OF), _BEST_OF))
        full = [one for one in reversed(latest) if study.max_steps is None or one.max_steps in (None, study.max_steps)]
        values = [trial.value for trial in full if trial.value is not None]
        best = self._following.status.best
        if best is not None and full and best.trial < full[0].number:
            values.insert(0, best.value)
        return list(accumulate(values, min if study.direction == "minimize" else max))

    def _failures(self, status: "StudyStatus") -> str:
        counts = status.trials
        if not counts.failed:
            return ""
        latest = islice(self._client.trials(self._name, state="failed", newest=True, page=_ERRORS), _ERRORS)
        errors = [error_line(trial.error or "") for trial in latest][::-1]
        ended = counts.complete + counts.pruned + counts.diverged + counts.failed
        return failures(counts.failed, ended, errors, study=status.study)

    def tell(self, notice: str) -> None:
        """Show this until the next look."""
        self.seen = replace(self.seen, notice=notice)

    def age(self, one: InTraining) -> float | None:
        """Seconds since its last report was seen to come in."""
        return None if one.since is None else self._clock() - one.since
