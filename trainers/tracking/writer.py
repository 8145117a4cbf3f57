"""The thread that tells a tracker what there is to tell, so that no training waits for it."""

import logging
import threading
import time
from collections.abc import Callable

from lrtune.service.sentences import tracking as sentences
from lrtune.trainers.tracking.lock import WrittenElsewhere
from lrtune.trainers.tracking.news import MOST_POINTS, MOST_TRIALS, News, Pending
from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Tracker

GATHER_SECONDS = 0.5
"""Reports that come within it are written together."""
MOST_WAIT_SECONDS = 30.0
"""Between two tries of a tracker that fails."""

logger = logging.getLogger(__name__)


class Writer:
    """Tells `tracker`, from `start` to `finish`, what it is given by `tell`."""

    def __init__(self, tracker: Tracker, *, gather_seconds: float = GATHER_SECONDS) -> None:
        self._tracker = tracker
        self._gather_seconds = gather_seconds
        self._where = sentences.where(tracker.name, tracker.place)
        self._changed = threading.Condition()
        self._pending = Pending()
        self._in_hand: News | None = None
        self._closing = False
        self._last: Callable[[Tracker], object] | None = None
        self._failures = 0
        self._said = False
        self._round = 0  # So many are told next, without a pause.
        self._told_at_end = 0
        self._errors: dict[int, Exception] = {}  # By trial: why what there is of it is not told yet.
        self._unwritten: list[News] = []
        self._thread = threading.Thread(target=self._run, name=f"lrtune-{tracker.name}", daemon=True)

    def start(self) -> None:
        """Starts the thread, which `finish` ends."""
        self._thread.start()

    def tell(self, news: News) -> None:
        """Returns at once; the tracker is told soon."""
        with self._changed:
            if not self._closing:
                self._pending.add(news)
                self._changed.notify()

    def finish(self, last: Callable[[Tracker], object] | None) -> None:
        """Nothing more will come: the thread is to write what there is, call `last`, and end."""
        with self._changed:
            self._closing, self._last = True, last
            self._changed.notify()

    def join(self, deadline: float, flush_seconds: float, study: str) -> None:
        """Waits for that until `deadline`, on the monotonic clock; one line of the log says what was not written. A
        thread that hangs in the tracker ends with that call, or with the process."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        with self._changed:
            self._say_unwritten(flush_seconds, study)
            self._pending, self._last = Pending(), None

    def _run(self) -> None:
        runs = Runs(self._tracker)
        try:
            while (news := self._next()) is not None:
                try:
                    news.tell(runs)
                except Exception as error:
                    runs.give_up(news.trial)
                    self._failed(news, error)
                else:
                    self._told(news)
            self._call_last()
        finally:
            runs.close()

    def _next(self) -> News | None:
        """What to tell next; None for the end."""
        with self._changed:
            if not self._round:
                self._changed.wait_for(lambda: self._pending or self._closing)
                pause = min(self._gather_seconds * 2**self._failures, MOST_WAIT_SECONDS)
                self._changed.wait_for(lambda: self._closing, timeout=pause)
                self._round = len(self._pending)
            self._round = max(0, self._round - 1)
            self._in_hand = self._pending.take() if self._pending else None
            return self._in_hand

    def _told(self, news: News) -> None:
        with self._changed:
            self._in_hand, self._failures = None, 0
            self._told_at_end += self._closing
            self._errors.pop(news.trial.number, None)
            if self._said:
                self._said = False
                logger.info("%s", sentences.works_again(self._where))

    def _failed(self, news: News, error: Exception) -> None:
        with self._changed:
            self._in_hand = None
            self._failures = min(self._failures + 1, 16)
            self._errors[news.trial.number] = error.with_traceback(None)
            if not isinstance(error, WrittenElsewhere):
                self._round = 0  # It may be away: the next try is of one trial.
                if not self._said:
                    self._said = True
                    logger.warning("%s", sentences.failing(self._where, news.trial.number, error))
            if self._closing:  # There is no other try.
                self._unwritten.append(news)
            else:
                self._pending.put_back(news)
                if len(self._errors) > len(self._pending):  # There was no room for some.
                    kept = {one.trial.number for one in self._pending.all()}
                    self._errors = {number: why for number, why in self._errors.items() if number in kept}

    def _call_last(self) -> None:
        with self._changed:
            last = self._last
        if last is not None and not self._unwritten:
            try:
                last(self._tracker)
            except Exception as error:
                logger.warning("%s: %s", self._where, sentences.error_line(error))

    def _say_unwritten(self, seconds: float, study: str) -> None:
        unwritten = [*self._unwritten, *self._pending.all(), *([self._in_hand] if self._in_hand else [])]
        left = [news.trial.number for news in unwritten if self._is_elsewhere(news)]
        if left:
            said = sentences.left_to(self._where, left, str(self._errors[left[0]]))
            logger.info("%s", said)
        lost = [news for news in unwritten if not self._is_elsewhere(news)]
        reports = sum(len(news.points) for news in lost) + self._pending.dropped
        ends = sum(news.has_ended for news in lost) + self._pending.dropped_ends
        if lost or reports or ends:
            spec = self._tracker.spec
            remedy = None if spec is None else sentences.remedy(study, spec)
            logger.warning("%s", sentences.lost(self._where, reports, ends, self._why(lost, seconds), remedy))

    def _is_elsewhere(self, news: News) -> bool:
        return isinstance(self._errors.get(news.trial.number), WrittenElsewhere)

    def _why(self, lost: list[News], seconds: float) -> str:
        """Why these were not written."""
        errors = [self._errors[news.trial.number] for news in lost if news.trial.number in self._errors]
        if errors:
            return sentences.error_line(errors[-1])
        if not lost:
            return sentences.no_room(MOST_TRIALS, MOST_POINTS)
        return sentences.slow(seconds, self._told_at_end) if self._told_at_end else sentences.hangs(seconds)
