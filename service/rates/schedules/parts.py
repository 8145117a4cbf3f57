"""What schedules are put together of."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

from lrtune.service.rates.schedules import decay

RateFunction = Callable[[int], float]
"""Step ≥ 0 → learning rate."""


@dataclass(frozen=True)
class Warmed:
    """A warm-up to where `then` begins, and `then`, which has its own clock."""

    steps: int
    kind: str
    start_factor: float | None
    then: RateFunction
    target: float = field(init=False)
    """The rate at which `then` begins."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "target", self.then(0))

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return decay.warmup(step, self.target, self.steps, self.kind, self.start_factor)
        return self.then(step - self.steps)


@dataclass(frozen=True)
class Joined:
    """One after the other, each with its own clock; a milestone belongs to the next one."""

    milestones: tuple[int, ...]
    """The first step of each part but the first."""
    parts: tuple[RateFunction, ...]

    def __call__(self, step: int) -> float:
        index = bisect_right(self.milestones, step)
        return self.parts[index](step - self.milestones[index - 1] if index else step)
