"""A schedule taken apart: simple formulas, one after the other, with the step at which each begins."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

from lrtune.service.rates.schedules.parts import Joined, RateFunction, Warmed
from lrtune.service.rates.schedules.running import RunningSchedule
from lrtune.service.rates.schedules.training import Watched
from lrtune.service.wire.schedules import Schedule, schedule_adapter


@dataclass(frozen=True)
class Rise:
    """A warm-up."""

    steps: int
    kind: str
    start_factor: float
    target: float


@dataclass(frozen=True)
class Piece:
    """What gives the rates of steps `start` to before `start + steps`, on a clock of its own."""

    start: int
    steps: int
    what: Rise | Watched | Callable[..., float]
    """A warm-up, a plateau, or one of the formulas of `decay` and `cycles`."""
    numbers: dict[str, Any]
    """The formula's."""
    function: RateFunction | None = None


def pieces(schedule: Schedule, *, base_learning_rate: float, total_steps: int) -> list[Piece]:
    """Those that have a step in the training, in order. Raises ScheduleError where the schedule does not fit."""
    running = RunningSchedule(schedule, base_learning_rate=base_learning_rate, total_steps=total_steps)
    begun = [(start, part) for start, part in _flat(running.function, 0) if start < total_steps]
    ends = [*(start for start, _ in begun[1:]), total_steps]
    return [_piece(start, end - start, part) for (start, part), end in zip(begun, ends, strict=True) if end > start]


def _flat(function: RateFunction | Rise, start: int) -> list[tuple[int, RateFunction | Rise]]:
    if isinstance(function, Warmed):
        begin = 1.0 / (function.steps + 1) if function.start_factor is None else function.start_factor
        rise = Rise(function.steps, function.kind, begin, function.target)
        return [(start, rise), *_flat(function.then, start + function.steps)]
    if isinstance(function, Joined):
        starts = (0, *function.milestones)
        return [one for at, part in zip(starts, function.parts, strict=True) for one in _flat(part, start + at)]
    return [(start, function)]


def _piece(start: int, steps: int, part: RateFunction | Rise) -> Piece:
    if isinstance(part, partial):
        return Piece(start, steps, part.func, dict(part.keywords), part)
    assert isinstance(part, Rise | Watched)
    return Piece(start, steps, part, {})


def shortest_form(schedule: Schedule) -> dict[str, Any]:
    """Its JSON form: what was given, without defaults."""
    dumped: dict[str, Any] = schedule_adapter.dump_python(schedule, mode="json", exclude_unset=True)
    return {"name": schedule.name, **dumped}


def starts(found: list[Piece]) -> list[int]:
    """The steps at which the pieces but the first begin."""
    return [later.start for _, later in pairwise(found)]
