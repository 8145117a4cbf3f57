"""For how long, from where and at what rate a schedule runs, and what cannot be right there."""

import math
from dataclasses import dataclass, field, replace

from lrtune.service.rates.schedules.plateau import PlateauState
from lrtune.service.wire.schedules.base import DecayingSchedule, ScheduleError, WarmedSchedule
from lrtune.service.wire.schedules.models import Plateau

SHORT_WARMUP_STEPS = 1000
OPEN_WARMUP_STEPS = 100


@dataclass
class Watched:
    """A plateau within a schedule: the steps whose metrics it sees, and its state."""

    schedule: Plateau
    first_step: int
    end_step: int | None
    state: PlateauState

    def __call__(self, _step: int) -> float:
        """The rate that the metrics so far have made of it."""
        return self.state.learning_rate


@dataclass(frozen=True)
class Span:
    """The part of the training that one schedule has: its rate η₀, its steps, and where they begin."""

    learning_rate: float
    total_steps: int | None
    """None while the length of the training is open."""
    loc: tuple[str | int, ...]
    """Where the schedule stands in what the user wrote."""
    first_step: int = 0
    warmup_steps: int = 0
    """Of the warm-up that ends where this begins."""
    plateaus: list[Watched] = field(default_factory=list)

    def error(self, name: str, message: str) -> ScheduleError:
        """What to raise about the parameter `name`."""
        return ScheduleError((*self.loc, name), message)

    def horizon(self, name: str) -> int:
        """All steps; where they are open, ScheduleError: parameter `name` has to be given."""
        if self.total_steps is None:
            raise self.error(name, "give it, or total_steps: without either, the schedule has no end to go by")
        return self.total_steps

    def floor(self, schedule: DecayingSchedule) -> float:
        """The lowest rate."""
        if schedule.min_lr_factor is not None:
            return schedule.min_lr_factor * self.learning_rate
        return self.at_most_the_rate(schedule.min_lr or 0.0)

    def at_most_the_rate(self, min_lr: float) -> float:
        """`min_lr`, where it is not above the rate."""
        if min_lr > self.learning_rate:
            raise self.error("min_lr", f"must be at most the learning rate {self.learning_rate}, but it is {min_lr}")
        return min_lr

    def warmup_of(self, schedule: WarmedSchedule) -> int:
        """The steps of a schedule's own warm-up; ScheduleError where nothing would be left after them."""
        if schedule.warmup_fraction is not None:
            return math.floor(schedule.warmup_fraction * self.horizon("warmup_fraction"))
        return self.checked_warmup("warmup_steps", schedule.warmup_steps or 0)

    def checked_warmup(self, name: str, steps: int) -> int:
        """`steps`, where they leave at least one step for what follows."""
        if self.total_steps is not None and 0 < self.total_steps <= steps:
            most = self.total_steps - 1
            raise self.error(name, f"must leave a step after the warm-up: at most {most}, but it is {steps}")
        return steps

    def after(self, steps: int, *inner: str) -> "Span":
        """What is left after a warm-up of `steps`."""
        return self.part(steps, self.total_steps, *inner, warmup=steps)

    def part(self, start: int, end: int | None, *inner: str | int, warmup: int = 0) -> "Span":
        """The steps from `start` to before `end`, for the schedule at `inner`."""
        return replace(
            self,
            total_steps=None if end is None else end - start,
            first_step=self.first_step + start,
            warmup_steps=warmup,
            loc=(*self.loc, *inner),
        )


def short_warmup(total_steps: int | None) -> int:
    """A twentieth of the training, at most 1000 steps; 100 where its length is open."""
    return OPEN_WARMUP_STEPS if total_steps is None else min(SHORT_WARMUP_STEPS, total_steps // 20)
