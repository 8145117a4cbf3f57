"""What a schedule will do, before any training."""

from collections.abc import Sequence
from dataclasses import dataclass

from lrtune.service.rates.schedules.running import RunningSchedule
from lrtune.service.wire.schedules import Schedule, ScheduleError


@dataclass(frozen=True)
class SchedulePreview:
    """The rates at some steps, both ascending by step and of one length."""

    steps: tuple[int, ...]
    learning_rates: tuple[float, ...]


def preview(
    schedule: Schedule,
    *,
    base_learning_rate: float,
    total_steps: int,
    points: int | None = None,
    metrics: Sequence[float] = (),
) -> SchedulePreview:
    """The rates of steps 0 … total_steps − 1, or of `points` of them, evenly spread, the first and last included.

    metrics[i] is what a plateau sees after step i. Raises ScheduleError with the field at fault.
    """
    running = RunningSchedule(schedule, base_learning_rate=base_learning_rate, total_steps=total_steps)
    if metrics and not running.takes_metrics:
        raise ScheduleError(
            ("metrics",), "only plateau goes by metrics, and it is not in this schedule: leave them out"
        )
    steps = _spread(total_steps, points)
    rates: list[float] = []
    seen = 0
    for step in steps:
        known = min(step, len(metrics))
        for earlier in range(seen, known):
            running.observe(earlier, metrics[earlier])
        seen = max(seen, known)
        rates.append(running.rate(step))
    return SchedulePreview(tuple(steps), tuple(rates))


def _spread(total_steps: int, points: int | None) -> Sequence[int]:
    if points is None or points >= total_steps:
        return range(total_steps)
    if points < 2:
        raise ScheduleError(("points",), f"must be at least 2, but it is {points}")
    return [index * (total_steps - 1) // (points - 1) for index in range(points)]
