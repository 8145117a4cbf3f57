"""A tracker of one's own: what is written is kept in memory, in a list a run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lrtune.service.wire.studies import Suggestion
from lrtune.trainers.tracking.tracker import Ending, Point, TrackedStudy, TrackedTrial


@dataclass
class Notes:
    """A run."""

    number: int
    params: dict[str, Any]
    written: list[tuple[int, float]] = field(default_factory=list)
    endings: list[Ending | None] = field(default_factory=list)
    rewound: list[int] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    workers: list[str | None] = field(default_factory=list)

    @property
    def known(self) -> dict[int, float]:
        return dict(self.written)

    @property
    def state(self) -> str | None:
        last = self.endings[-1] if self.endings else None
        return None if last is None else last.state


class Notebook:
    """Runs by the key of their trial. `fault` is called before each call, with its name, and may raise, or wait."""

    name = "notebook"
    spec: str | None = None

    def __init__(self, place: str = "desk", fault: Callable[[str], object] = lambda _: None) -> None:
        self.place = place
        self.fault = fault
        self.runs: dict[str, Notes] = {}
        self.opened = 0
        self.closed = 0
        self.suggestions: list[Suggestion] = []

    def of(self, number: int) -> Notes:
        """The one run of a trial."""
        (found,) = (notes for notes in self.runs.values() if notes.number == number)
        return found

    def open(self, trial: TrackedTrial) -> "_Run":
        self.fault("open")
        self.opened += 1
        notes = self.runs.setdefault(trial.key, Notes(trial.number, dict(trial.params)))
        notes.attempts.append(trial.attempt)
        notes.workers.append(trial.worker)
        return _Run(self, notes)

    def suggested(self, study: TrackedStudy, suggestion: Suggestion) -> None:
        self.fault("suggested")
        self.suggestions.append(suggestion)


class _Run:
    def __init__(self, book: Notebook, notes: Notes) -> None:
        self._book, self._notes = book, notes
        self.known, self.state = notes.known, notes.state

    def rewind(self, step: int) -> None:
        self._book.fault("rewind")
        self._notes.rewound.append(step)
        self._notes.written = [point for point in self._notes.written if point[0] <= step]
        self.known = self._notes.known

    def report(self, points: Sequence[Point]) -> None:
        self._book.fault("report")
        self._notes.written += [(point.step, point.value) for point in points]

    def end(self, ending: Ending | None) -> None:
        self._book.fault("end")
        self._notes.endings.append(ending)

    def close(self) -> None:
        self._book.fault("close")
        self._book.closed += 1


def trial_of(number: int = 0, *, attempt: int = 1, study: str = "s", **params: Any) -> TrackedTrial:
    """A trial on this worker."""
    made = TrackedStudy(study, datetime(2026, 1, 1, tzinfo=UTC))
    return TrackedTrial(made, number, attempt, params or {"learning_rate": 0.1}, "host:1", 3)
