"""What there is to tell a tracker, kept until it has been told: bounded, a trial at a time."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lrtune.trainers.tracking.runs import Runs
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedTrial

MOST_POINTS = 10_000
"""Kept while a tracker is slow or away; of more, those of the trials that were told of first are lost."""
MOST_TRIALS = 2_000
"""Of which there is something to tell, parameters and errors among it; of more, the first are lost."""

Over = Literal["ended", "given back", "left"]


@dataclass
class News:
    """Of one trial."""

    trial: TrackedTrial
    resumed_at: int | None = None
    points: dict[int, Point] = field(default_factory=dict)
    over: Over | None = None
    ending: Ending | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the tracker is to be told that the trial ended, or was given back."""
        return self.over in ("ended", "given back")

    def tell(self, runs: Runs) -> None:
        """Tell it all. Raises what the tracker raises; then it may be told again."""
        runs.begin(self.trial, self.resumed_at)
        self.resumed_at = None
        runs.add(self.trial, self.points.values())
        if self.over == "left":
            runs.leave(self.trial)
        elif self.over is not None:
            runs.end(self.trial, self.ending)

    def and_then(self, later: "News") -> "News":
        """This, and what came after it."""
        points = dict(self.points)
        resumed_at = self.resumed_at
        if later.resumed_at is not None:
            points = {step: point for step, point in points.items() if step <= later.resumed_at}
            resumed_at = later.resumed_at if resumed_at is None else min(resumed_at, later.resumed_at)
        return News(later.trial, resumed_at, points | later.points, later.over, later.ending)


class Pending:
    """News by trial, in the order in which they came. Not safe for threads."""

    def __init__(self) -> None:
        self._news: OrderedDict[str, News] = OrderedDict()
        self.points = 0
        """How many are kept."""
        self.dropped = 0
        """How many there was no room for."""
        self.dropped_ends = 0
        """How many ends of trials there was no room for."""

    def __len__(self) -> int:
        return len(self._news)

    def add(self, news: News) -> None:
        """Keep it, to be told after what there is of the same trial."""
        key = news.trial.key
        before = self._news.get(key)
        self._put(key, news if before is None else before.and_then(news))

    def put_back(self, news: News) -> None:
        """It could not be told: keep it, for after what there is of other trials."""
        key = news.trial.key
        since = self._news.get(key)
        self._put(key, news if since is None else news.and_then(since))
        self._news.move_to_end(key)

    def take(self) -> News:
        """The next, which is kept no more."""
        _, news = self._news.popitem(last=False)
        self.points -= len(news.points)
        return news

    def all(self) -> Sequence[News]:
        """What is kept."""
        return list(self._news.values())

    def _put(self, key: str, news: News) -> None:
        before = self._news.get(key)
        self.points += len(news.points) - (0 if before is None else len(before.points))
        self._news[key] = news
        while len(self._news) > MOST_TRIALS:
            first = self.take()
            self.dropped += len(first.points)
            self.dropped_ends += first.has_ended
        while self.points > MOST_POINTS:
            first = next(one for one in self._news.values() if one.points)
            del first.points[next(iter(first.points))]
            self.points -= 1
            self.dropped += 1
