"""What a tracker offers, and what it is told of trials."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from lrtune.service.wire.studies import Suggestion

State = Literal["complete", "pruned", "diverged", "failed"]


@dataclass(frozen=True)
class TrackedStudy:
    """The study that trials are of."""

    name: str
    created_at: datetime
    """With the name, which study it is where there is no `id`: one of the same name may have been deleted before."""
    metric: str = "loss"
    """The name of the value that trials report."""
    tags: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None
    """Which study it is, and no copy of it; None of a service that tells none."""


@dataclass(frozen=True)
class TrackedTrial:
    """A trial, as its run in the tracker is named and tagged."""

    study: TrackedStudy
    number: int
    attempt: int
    params: Mapping[str, Any]
    worker: str | None = None
    max_steps: int | None = None
    started_at: datetime | None = None

    @property
    def key(self) -> str:
        """40 hexadecimal digits, the same for this trial wherever and however often it is trained."""
        study = self.study.id or f"{self.study.name}\n{self.study.created_at.timestamp():.6f}"
        whole = f"{study}\n{self.number}"
        return hashlib.sha1(whole.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


class Point(NamedTuple):
    """A report: the value of the study's metric after `step` steps, which may be non-finite."""

    step: int
    value: float
    at: float
    """When, in seconds since the epoch."""


@dataclass(frozen=True)
class Ending:
    """How a trial ended for good."""

    state: State
    value: float | None = None
    """The final value; None where there is none."""
    error: str | None = None
    """Of a failed trial: its traceback, or what a program printed last."""
    why: str | None = None
    """Why it was stopped, where it was."""
    finished_at: float | None = None
    """In seconds since the epoch; None for now."""


class Run(Protocol):
    """A trial's run in a tracker, from `Tracker.open` to `close`. Every call may raise: it is made again later."""

    known: dict[int, float]
    """The metric's values that are there, by step: they are not written again. What is reported is added by lrtune."""
    state: str | None
    """The state of the `Ending` that is there; None without one."""

    def rewind(self, step: int) -> None:
        """The trial goes on from `step`, and what is there of later ones holds no longer: take it from the tracker and
        from `known`, where that can be done."""

    def report(self, points: Sequence[Point]) -> None:
        """Write what is new, by step. It may come after an ending: then the run goes on."""

    def end(self, ending: Ending | None) -> None:
        """The trial has ended; None: it is given back, and will go on, perhaps in another process."""

    def close(self) -> None:
        """This process writes no more of it; called once, and last."""


class Tracker(Protocol):
    """Where trials are mirrored to. All calls come from one thread, and may take their time: no training waits."""

    name: str
    """As in messages."""
    place: str
    """Which one: an address, a folder. A password in it is never shown."""
    spec: str | None
    """What names it to `lrtune study mirror --to`; None for a tracker of your own."""

    def open(self, trial: TrackedTrial) -> Run:
        """The trial's run: the one that is there, with what it holds, else a new one."""

    def suggested(self, study: TrackedStudy, suggestion: Suggestion) -> None:
        """What the study says to train with, when a search ends; where there is a place for it."""
