"""How a study came to its best value: each improvement, and what had been spent by then.

Kept as trials end, at a size that does not grow with the history; after a restart worked out from the trials.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lrtune.service.storage.memory.tally import Tally
from lrtune.service.storage.memory.trial import TrialMirror

_MOST = 512
"""Improvements, and marks. What is past it is thinned to half of it: the first and the last stay."""

_ENDED = ("complete", "pruned", "diverged", "failed")

Floats = NDArray[np.float64]
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a study had spent at a time, in seconds since the epoch: trials that had ended, steps trained."""

    at: float
    ended: int
    trained: int


@dataclass(frozen=True, slots=True)
class Improvement:
    """A trial that was better than all before it, and what had been spent when it ended."""

    number: int
    value: float
    mark: Mark


@dataclass(slots=True)
class Progress:
    """Improvements and marks of a study, in the order of time."""

    improvements: list[Improvement] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    """Every so many ends: they tell what had been spent at any time between."""
    every: int = 1
    since: int = 0
    """Ends since the last mark."""

    def note(self, trial: TrialMirror, tally: Tally, sign: int | None) -> None:
        """A trial has ended, and is in the tally. `sign`: 1 where a smaller value is better, -1 where a larger one is,
        None where its value is not to be compared."""
        last = self.marks[-1].at if self.marks else -math.inf
        at = max(trial.finished_at or trial.started_at or last, last)
        mark = Mark(at, sum(tally.outcomes[name] for name in _ENDED), tally.trained)
        self.since += 1
        if self.since >= self.every:
            self.since = 0
            self.marks.append(mark)
            if len(self.marks) > _MOST:
                self.marks = _thinned(self.marks)
                self.every *= 2
        if sign is None or not trial.values or not math.isfinite(trial.values[0]):
            return
        value = trial.values[0]
        if not self.improvements or sign * value < sign * self.improvements[-1].value:
            self.improvements.append(Improvement(trial.number, value, mark))
            if len(self.improvements) > _MOST:
                self.improvements = _thinned(self.improvements)


def as_loaded(trials: Sequence[TrialMirror], ranked: Sequence[TrialMirror], sign: int) -> Progress:
    """The progress of a study that was read from the database; `ranked` are its complete trials in the order in which
    they ended. When steps were trained is not written: those of a trial are spread over its time."""
    ends = np.sort(np.fromiter((t.finished_at for t in trials if t.finished_at is not None), np.float64))
    times, spent = _spending(trials)
    every = 1
    while len(ends) > every * _MOST:
        every *= 2

    def marked(places: Floats) -> list[Mark]:
        ended, steps = np.searchsorted(ends, places, side="right"), np.interp(places, times, spent, left=0.0)
        rows = zip(places.tolist(), ended.tolist(), np.rint(steps).astype(np.int64).tolist(), strict=True)
        return [Mark(*row) for row in rows]

    better = _improving(ranked, sign)
    while len(better) > _MOST:
        better = _thinned(better)
    marks = marked(np.array([trial.finished_at or 0.0 for trial in better]))
    found = [Improvement(t.number, t.values[0], mark) for t, mark in zip(better, marks, strict=True) if t.values]
    return Progress(found, marked(ends[every - 1 :: every]), every, len(ends) % every)


def _improving(ranked: Sequence[TrialMirror], sign: int) -> list[TrialMirror]:
    """Those better than all before them."""
    values = sign * np.fromiter((trial.values[0] if trial.values else math.inf for trial in ranked), np.float64)
    values[~np.isfinite(values)] = math.inf
    before = np.minimum.accumulate(np.concatenate([[math.inf], values]))[:-1]
    return [ranked[place] for place in np.flatnonzero(values < before).tolist()]


def _spending(trials: Sequence[TrialMirror]) -> tuple[Floats, Floats]:
    """Steps trained over time, as a line: times (m,), rising, and the steps trained by then (m,)."""
    known = [t for t in trials if t.work is not None and t.started_at is not None and t.trained_steps]
    if not known:
        return np.zeros(1), np.zeros(1)
    begun = np.fromiter((trial.started_at or 0.0 for trial in known), np.float64)
    over = np.fromiter((trial.finished_at or math.nan for trial in known), np.float64)
    over = np.where(np.isnan(over), max(float(np.nanmax(over, initial=-math.inf)), float(begun.max())), over)
    over = np.maximum(over, begun + 1e-6)
    pace = np.fromiter((trial.trained_steps for trial in known), np.float64) / (over - begun)
    times, paces = np.concatenate([begun, over]), np.concatenate([pace, -pace])
    order = np.argsort(times, kind="stable")
    times, paces = times[order], np.cumsum(paces[order])
    spent = np.concatenate([[0.0], np.cumsum(paces[:-1] * np.diff(times))])
    return times, spent


def _thinned(items: list[Item]) -> list[Item]:
    """Every second one, and the last."""
    return items[::2] if len(items) % 2 else [*items[::2], items[-1]]
