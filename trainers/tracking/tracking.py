"""The trials that this process trains, mirrored while it trains them."""

import os
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from lrtune.service.sentences.tracking import where
from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.errors import LrtuneError
from lrtune.trainers.tracking.news import News
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial, Tracker
from lrtune.trainers.tracking.writer import Writer

FLUSH_SECONDS = 10.0
"""How long the end of a search waits for trackers."""


class Tracking:
    """Within `with`, `trackers` are told of trials of `study`, each by a thread of its own; nobody waits for them until
    the end, and there for `flush_seconds` in all. What a tracker raises is said once, and never raised.

    `suggestion` is asked at the end of a search that ended well. Raises LrtuneError for what is no tracker, and for one
    that is given twice.
    """

    def __init__(
        self,
        study: TrackedStudy,
        trackers: Sequence[Tracker],
        *,
        flush_seconds: float = FLUSH_SECONDS,
        suggestion: Callable[[], Suggestion | None] | None = None,
    ) -> None:
        _check(trackers)
        self._study = study
        self._flush_seconds = flush_seconds
        self._suggestion = suggestion
        self._writers = [Writer(tracker) for tracker in trackers]
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        for writer in self._writers:
            writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.getpid() != self._pid:
            return
        found = self._suggestion() if self._suggestion is not None and error is None else None
        last = None if found is None else lambda tracker: tracker.suggested(self._study, found)
        for writer in self._writers:
            writer.finish(last)
        deadline = time.monotonic() + self._flush_seconds
        for writer in self._writers:
            writer.join(deadline, self._flush_seconds, self._study.name)

    @property
    def study(self) -> TrackedStudy:
        """The study whose trials are tracked."""
        return self._study

    def begun(self, trial: TrackedTrial, resumed_at: int) -> None:
        """The trial is trained from here, and goes on from a step; 0 for the start."""
        self._tell(News(trial, resumed_at))

    def reported(self, trial: TrackedTrial, points: Sequence[tuple[int, float]]) -> None:
        """The service has taken reports: (step, value)."""
        now = time.time()
        self._tell(News(trial, points={step: Point(step, value, now) for step, value in points}))

    def ended(self, trial: TrackedTrial, ending: Ending) -> None:
        """The trial has ended, and the service knows how."""
        self._tell(News(trial, over="ended", ending=ending))

    def given_back(self, trial: TrackedTrial) -> None:
        """The trial will go on, perhaps elsewhere."""
        self._tell(News(trial, over="given back"))

    def left(self, trial: TrackedTrial) -> None:
        """The trial is somebody else's by now."""
        self._tell(News(trial, over="left"))

    def _tell(self, news: News) -> None:
        if os.getpid() != self._pid:  # In a forked copy there is no thread, and the locks may be held for ever.
            return
        for writer in self._writers:
            writer.tell(News(news.trial, news.resumed_at, dict(news.points), news.over, news.ending))


def _check(trackers: Sequence[Tracker]) -> None:
    places: set[tuple[str, str]] = set()
    for tracker in trackers:
        if not all(hasattr(tracker, name) for name in ("name", "place", "spec", "open", "suggested")) or isinstance(
            tracker, type
        ):
            raise LrtuneError(f"trackers must be trackers, like lrtune.mlflow.Tracker(), not {_shown(tracker)}")
        place = (tracker.name, tracker.place)
        if place in places:
            raise LrtuneError(f"{where(*place)} is among the trackers twice: give it once")
        places.add(place)


def _shown(given: object) -> str:
    called = " without its ()" if isinstance(given, type) else ""
    return f"{' '.join(repr(given).split())[:100]}{called}"
