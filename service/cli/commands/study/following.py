"""Following a study from outside: which of its trials ended between two looks."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from lrtune.trainers.errors import LrtuneError, ServiceError

if TYPE_CHECKING:
    from lrtune.service.wire.studies import StudyStatus, TrialCounts
    from lrtune.service.wire.trials import Trial, TrialState
    from lrtune.trainers.client.client import Client

LONG_POLL_SECONDS = 20.0
AWAY_SECONDS = 300.0
"""How long a service that does not answer any more is waited for."""
_FEW_POINTS = 16
_PAGE = 1000
_BROKEN = 500
"""Statuses from here on are the service's own trouble: a standby's, or a start that is not over."""


class Following:
    """What happens to one study from now on. Every call raises ServiceError, ServiceUnreachable.

    With `most`, a look tells of so many ended trials at the most, and leaves the others out; else of each.
    """

    def __init__(self, client: "Client", name: str, *, most: int | None = None) -> None:
        self._client = client
        self._name = name
        self._most = most
        self.status: StudyStatus = client.status(name)
        self.running: list[Trial] = self._in("running")
        waiting = self._in("waiting")
        self._open: dict[int, None] = dict.fromkeys(trial.number for trial in chain(self.running, waiting))
        self._known = _there(self.status.trials)
        self._told = _ended(self.status.trials)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself: the study is finished, or halted, and nothing is in training."""
        status = self.status
        return not status.trials.running and (status.state == "finished" or status.halted is not None)

    def wait(self, pause: Callable[[float], object], interval_seconds: float) -> "list[Trial]":
        """Wait until the study has changed, for LONG_POLL_SECONDS at the most after `interval_seconds`; the trials that
        have ended since the last call, by number."""
        pause(interval_seconds)
        status = self._client.status(self._name, wait_seconds=LONG_POLL_SECONDS, after=self.status.version)
        if status.version == self.status.version:
            self.status = status
            return []
        running = self._in("running")
        begun = range(self._known, _there(status.trials))
        in_training = [trial.number for trial in self.running]
        candidates = dict.fromkeys(chain(in_training, begun, self._open))  # Those that have ended most likely first.
        wanted = _ended(status.trials) - self._told
        looked_for = wanted if self._most is None else min(wanted, self._most)
        going_on = {trial.number for trial in running}
        ended = list(islice(self._ended_of(candidates, going_on), max(0, looked_for)))
        # Nothing has failed: all of it is taken in at once, so that no trial is told of twice or never.
        self.status, self.running = status, running
        self._open = candidates
        for trial in ended:
            del self._open[trial.number]
        self._known, self._told = max(self._known, begun.stop), self._told + len(ended)
        if looked_for < wanted:  # What was left out is never told of.
            self._open, self._told = dict.fromkeys(going_on), _ended(status.trials)
        return sorted(ended, key=lambda trial: trial.number)

    def _ended_of(self, candidates: Iterable[int], running: set[int]) -> "Iterator[Trial]":
        going_on = running | {trial.number for trial in self._in("waiting")}
        for number in candidates:
            if number not in going_on:
                trial = self._client.trial(self._name, number, max_points=_FEW_POINTS)
                if trial.state not in ("running", "waiting"):
                    yield trial

    def _in(self, state: "TrialState") -> "list[Trial]":
        """The trials in a state, by number; with `most`, of very many the latest."""
        if self._most is None:
            return list(self._client.trials(self._name, state=state, page=_PAGE))
        latest = self._client.trials(self._name, state=state, newest=True, page=_PAGE)
        return list(islice(latest, _PAGE))[::-1]


class Patience:
    """Calls that are made again while the service is away, for AWAY_SECONDS; it is `told` that it went and came."""

    def __init__(self, told: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._told, self._clock = told, clock
        self._since: float | None = None

    def away(self, error: LrtuneError) -> None:
        """A call failed. Raises the error where the service refused it, or has been away for too long."""
        if isinstance(error, ServiceError) and error.problem.status < _BROKEN:
            raise error
        if self._since is None:
            self._since = self._clock()
            self._told(f"the service does not answer; it is tried again for {AWAY_SECONDS / 60:.0f} minutes")
        elif self._clock() - self._since > AWAY_SECONDS:
            raise error

    def heard(self) -> None:
        """It answered."""
        if self._since is not None:
            self._since = None
            self._told("the service answers again")


def _there(counts: "TrialCounts") -> int:
    return sum(counts.model_dump().values())


def _ended(counts: "TrialCounts") -> int:
    return counts.complete + counts.pruned + counts.diverged + counts.failed
