"""A study mirrored to a tracker from outside: what it holds, and what happens in it."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from lrtune.service.sentences import tracking as sentences
from lrtune.service.sentences.watching import gone
from lrtune.service.wire import trials as wire
from lrtune.service.wire.events import StudyChange, StudyGone
from lrtune.service.wire.studies import StudyStatus
from lrtune.trainers.client.client import Client
from lrtune.trainers.client.tracked import tracked_study
from lrtune.trainers.errors import LrtuneError, NotFound, is_of_the_service
from lrtune.trainers.tracking.lock import WrittenElsewhere
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial, Tracker

AWAY_SECONDS = 300.0
"""How long, at the end, a tracker that fails is tried again."""
ELSEWHERE_SECONDS = 5.0
"""How long, at the end, a trial is waited for that another process writes."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
_PAGE = 1000


class Mirror:
    """Makes of a study's trials runs of `tracker`: what is there already stays, and is not written again.

    It may be stopped at any time, and begun anew. Trials that another process of this machine writes are left to it.
    `say` is told, in lines, that the tracker fails and that it works again; `sleep(seconds)` waits between two tries.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        tracker: Tracker,
        *,
        say: Callable[[str], object],
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._tracker = tracker
        self._study: TrackedStudy = tracked_study(client.study(name).spec)
        self._runs = Runs(tracker)
        self._where = sentences.where(tracker.name, tracker.place)
        self._say, self._sleep = say, sleep
        self._settled: set[int] = set()
        self._missing: dict[int, Exception] = {}
        self._failing = False

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(self, *_: object) -> None:
        self._runs.close()

    @property
    def written(self) -> int:
        """Trials that have ended, and are in the tracker whole."""
        return len(self._settled)

    def all(self, shown: Callable[[int], object] = lambda _: None) -> None:
        """Every trial as it is now; `shown` is told how many are done. Raises LrtuneError where the tracker fails for
        five minutes; ServiceError, ServiceUnreachable."""
        self._take_all(shown)
        self._catch_up()
        self._suggest()

    def follow(self, shown: Callable[[int], object] = lambda _: None, *, stop: threading.Event | None = None) -> None:
        """Every trial as it is, and then what happens, until the study is finished or halted and nothing is in
        training, or `stop` is set and something happens. Raises as `all` does; LrtuneError once the study is deleted.
        """
        try:
            self._follow(shown, stop)
        except NotFound:
            raise LrtuneError(gone(self._study.name)) from None
        self._catch_up()
        self._suggest()

    def _follow(self, shown: Callable[[int], object], stop: threading.Event | None) -> None:
        stands = _Stands()
        updates: Any = self._client.study(self._study.name).events(stop=stop)
        with closing(updates):
            for update in updates:
                if isinstance(update, StudyGone):
                    raise LrtuneError(gone(self._study.name))
                stands.take(update)
                if isinstance(update, StudyStatus) or update.more:
                    self._take_all(shown)
                else:
                    self._take([*self._missing, *(trial.number for trial in update.changed)])
                if stands.over:
                    break

    def _take_all(self, shown: Callable[[int], object]) -> None:
        """Every trial that is not known to be in the tracker whole."""
        for done, trial in enumerate(self._client.trials(self._study.name, page=_PAGE), 1):
            if trial.number not in self._settled:
                self._take([trial.number])
            shown(done)

    def _take(self, numbers: Iterable[int]) -> None:
        """These trials, as the service has them now. What the tracker refuses is missing until a later call."""
        for number in dict.fromkeys(numbers):
            try:
                self._write(self._client.trial(self._study.name, number))
            except WrittenElsewhere as error:
                self._missing[number] = error
            except Exception as error:
                if isinstance(error, LrtuneError) and is_of_the_service(error):
                    raise
                self._fails(number, error)
            else:
                self._missing.pop(number, None)
                self._works()

    def _write(self, trial: wire.TrialWithCurve) -> None:
        if trial.started_at is None:
            return  # Nobody has begun it.
        tracked = TrackedTrial(
            *(self._study, trial.number, trial.attempt, trial.params, trial.worker, trial.max_steps, trial.started_at)
        )
        try:
            self._runs.take_over(tracked, _points(trial))
            if trial.state == "running":
                return
            self._runs.end(tracked, _ending(trial))
        except WrittenElsewhere:
            raise
        except Exception:
            self._runs.give_up(tracked)
            raise
        if trial.state != "waiting":
            self._settled.add(trial.number)

    def _fails(self, number: int, error: Exception) -> None:
        self._missing[number] = error
        if not self._failing:
            self._failing = True
            self._say(sentences.failing(self._where, number, error))

    def _works(self) -> None:
        if self._failing:
            self._failing = False
            self._say(sentences.works_again(self._where))

    def _catch_up(self) -> None:
        """Until nothing is missing, but what another process writes."""
        waited = 0.0
        pause = FIRST_PAUSE_SECONDS
        while self._missing:
            failed = [error for error in self._missing.values() if not isinstance(error, WrittenElsewhere)]
            if waited >= (AWAY_SECONDS if failed else ELSEWHERE_SECONDS):
                break
            self._sleep(pause)
            waited, pause = waited + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
            self._take([next(iter(self._missing))] if failed else list(self._missing))
            if not self._failing:
                self._take(list(self._missing))
        if failed := [error for error in self._missing.values() if not isinstance(error, WrittenElsewhere)]:
            raise LrtuneError(sentences.not_mirrored(self._where, len(self._missing), failed[0]))
        if self._missing:
            self._say(sentences.left_to(self._where, list(self._missing), str(next(iter(self._missing.values())))))

    def _suggest(self) -> None:
        suggestion = self._client.suggestion(self._study.name)
        try:
            self._tracker.suggested(self._study, suggestion)
        except Exception as error:
            raise LrtuneError(f"{self._where}: {sentences.error_line(error)}") from error


class _Stands:
    """How the study stands, by what is told of it."""

    def __init__(self) -> None:
        self._state: str | None = None
        self._halted: str | None = None
        self._running = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return not self._running and (self._state == "finished" or self._halted is not None)

    def take(self, update: StudyStatus | StudyChange) -> None:
        told = update.model_fields_set
        if "state" in told:
            self._state = update.state
        if "halted" in told:
            self._halted = update.halted
        if "trials" in told and update.trials is not None:
            self._running = update.trials.running


def _points(trial: wire.TrialWithCurve) -> dict[int, Point]:
    """The curve, with times between the trial's start and its end, or now: the service does not tell when."""
    end = time.time() if trial.finished_at is None else trial.finished_at.timestamp()
    start = end if trial.started_at is None else min(trial.started_at.timestamp(), end)
    each = (end - start) / max(len(trial.curve), 1)
    return {
        report.step: Point(report.step, report.value, start + each * place)
        for place, report in enumerate(trial.curve, 1)
    }


def _ending(trial: wire.TrialWithCurve) -> Ending | None:
    if trial.state == "waiting" or trial.state == "running":
        return None
    ended = None if trial.finished_at is None else trial.finished_at.timestamp()
    value = trial.value if trial.state == "complete" else None
    return Ending(trial.state, value, trial.error, trial.explanation, ended)
