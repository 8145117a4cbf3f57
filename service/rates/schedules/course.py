"""Where a schedule goes, read off its rates: what a person would say who looks at the curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DEAD = 0.01
"""A rate below this part of the peak hardly trains."""
_DROP = 0.2
"""A fall within one step by more than this part of the rate is a drop; it is no curve then."""
_TURN = 0.02
"""A rise by more than this part of the peak, after a fall, is a new beginning."""
_WORTH = 0.02
"""Of the training."""
_MOST_TOLD = 5
LOOKED_AT = 20_001
"""Rates of a training are looked at in so many places at the most."""


@dataclass(frozen=True)
class Course:
    """What a schedule does over a training of `total_steps`. Steps count from 0."""

    total_steps: int
    first: float
    peak: float
    peak_step: int
    last: float
    warmup_steps: int
    """Steps before the peak, where the rate rises to it from the start; 0 without such a rise."""
    dead_from: int | None
    """The first step from which on the rate stays below `DEAD` of the peak; None where it does not."""
    restarts: tuple[int, ...]
    """Steps at which it rises again after it fell; the first of them."""
    all_restarts: int
    drops: tuple[int, ...]
    """Steps at which it falls at once; the first of them."""
    all_drops: int
    exact: bool
    """Whether every step was looked at: else steps are right to about total_steps / LOOKED_AT."""

    @property
    def dies_at(self) -> int | None:
        """The step from which on it is dead, where that is news: a dead end shorter than `_WORTH` is how decays end."""
        if self.dead_from is None or self.total_steps - self.dead_from <= _WORTH * self.total_steps:
            return None
        return self.dead_from

    @property
    def is_constant(self) -> bool:
        """Whether the rate is the same at each step."""
        return self.first == self.peak == self.last and not self.all_drops and not self.all_restarts


def course(steps: Sequence[int], rates: Sequence[float], total_steps: int) -> Course:
    """`steps` ascending from 0 to total_steps − 1, all or some of them, and their rates, ≥ 0, of one length.

    1, 2, 3, 2, 1, 3, 0.02, 0.02: a warm-up of 2 steps, again from step 5, dead from step 6.
    """
    values = np.asarray(rates, np.float64)
    at = np.asarray(steps, np.int64)
    peak = float(values.max())
    top = int(values.argmax())
    rises = bool(top) and bool((np.diff(values[: top + 1]) >= 0).all()) and values[0] < peak
    restarts = _restarts(values, peak)
    drops = _drops(values, len(steps) == total_steps)
    return Course(
        total_steps=total_steps,
        first=float(values[0]),
        peak=peak,
        peak_step=int(at[top]),
        last=float(values[-1]),
        warmup_steps=int(at[top]) if rises else 0,
        dead_from=_dead_from(at, values, peak),
        restarts=tuple(int(at[place]) for place in restarts[:_MOST_TOLD]),
        all_restarts=len(restarts),
        drops=tuple(int(at[place]) for place in drops[:_MOST_TOLD]),
        all_drops=len(drops),
        exact=len(steps) == total_steps,
    )


def _dead_from(at: np.ndarray, values: np.ndarray, peak: float) -> int | None:
    alive = np.flatnonzero(values >= DEAD * peak)
    after = int(alive[-1]) + 1 if len(alive) else 0
    return None if after >= len(values) else int(at[after])


def _restarts(values: np.ndarray, peak: float) -> list[int]:
    """Places at which a rise begins that follows on a fall, and is more than rounding."""
    found, fell = [], False
    changes = np.diff(values)
    turning = np.flatnonzero(changes)
    start: int | None = None
    for place in turning.tolist():
        if changes[place] < 0:
            fell, start = True, None
        elif fell:
            start = place if start is None else start
            if values[place + 1] - values[start] > _TURN * peak:
                jumps = changes[start] > _TURN * peak and (start + 1 == len(changes) or changes[start + 1] <= 0)
                found.append(start + 1 if jumps else start)
                fell, start = False, None
    return found


def _drops(values: np.ndarray, every_step: bool) -> list[int]:
    """Places of drops from one level to another; none where steps were left out, or where nearly each step falls so."""
    if not every_step or len(values) < 3:
        return []
    before, after = values[:-1], values[1:]
    places = np.flatnonzero(before - after > _DROP * before) + 1
    level = [place for place in places.tolist() if values[place - 1] == values[max(place - 2, 0)]]
    return [place for place in level if place + 1 >= len(values) or values[place + 1] == values[place]]
