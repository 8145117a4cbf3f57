"""The runs of one tracker, brought up to date."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from lrtune.trainers.tracking.lock import Lock
from lrtune.trainers.tracking.tracker import Ending, Point, Run, TrackedTrial, Tracker

_SINGLE = 1e-6
"""Two values that differ by less, relatively, are the same one: some trackers keep single precision."""


@dataclass
class _Opened:
    run: Run
    lock: Lock


class Runs:
    """The runs of `tracker` that this process has opened, each under a lock. For one thread."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._opened: dict[str, _Opened] = {}

    def begin(self, trial: TrackedTrial, resumed_at: int | None = None) -> Run:
        """The trial's run, open; where the trial goes on from a step, without what came after it. Raises
        WrittenElsewhere, and what the tracker raises."""
        opened = self._opened.get(trial.key)
        if opened is None:
            lock = Lock(f"{self._tracker.name}\n{self._tracker.place}", trial.key)
            try:
                opened = _Opened(self._tracker.open(trial), lock)
            except BaseException:
                lock.release()
                raise
            self._opened[trial.key] = opened
        if resumed_at is not None and any(step > resumed_at for step in opened.run.known):
            opened.run.rewind(resumed_at)
        return opened.run

    def add(self, trial: TrackedTrial, points: Iterable[Point]) -> None:
        """Write points of a trial that are not there."""
        run = self.begin(trial)
        new = [point for point in points if not _same(run.known.get(point.step), point.value)]
        if new:
            run.report(sorted(new, key=lambda point: point.step))
            run.known |= {point.step: point.value for point in new}

    def take_over(self, trial: TrackedTrial, curve: Mapping[int, Point]) -> None:
        """Make of a trial's run what its whole curve is."""
        run = self.begin(trial)
        held, wanted = run.known, {step: point.value for step, point in curve.items()}
        differing = [step for step in held.keys() | wanted.keys() if not _same(held.get(step), wanted.get(step))]
        if differing and held and min(differing) <= max(held):
            run.rewind(min(differing) - 1)
        self.add(trial, curve.values())

    def end(self, trial: TrackedTrial, ending: Ending | None) -> None:
        """The trial has ended, or is given back: so does its run, which is closed."""
        run = self.begin(trial)
        if ending is None or run.state != ending.state:
            run.end(ending)
        self.leave(trial)

    def leave(self, trial: TrackedTrial) -> None:
        """Close the trial's run as it is, if it is open. Raises what the tracker raises; it is closed then, too."""
        opened = self._opened.pop(trial.key, None)
        if opened is not None:
            try:
                opened.run.close()
            finally:
                opened.lock.release()

    def give_up(self, trial: TrackedTrial) -> None:
        """A call about the trial has failed: what is there is read anew before the next."""
        with suppress(Exception):
            self.leave(trial)

    def close(self) -> None:
        """Close what is open."""
        for opened in self._opened.values():
            with suppress(Exception):
                opened.run.close()
            opened.lock.release()
        self._opened.clear()


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=_SINGLE)
