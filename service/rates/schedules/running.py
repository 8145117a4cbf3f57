"""A schedule over a training: the function of the step, and the state that metrics bring into it."""

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lrtune.service.rates.schedules.building import build
from lrtune.service.rates.schedules.decay import LARGEST
from lrtune.service.rates.schedules.parts import RateFunction
from lrtune.service.rates.schedules.plateau import PlateauState, observe
from lrtune.service.rates.schedules.training import Span
from lrtune.service.wire.schedules import Schedule, ScheduleError

_FAR = 2**53
"""Steps beyond this are taken for it."""


def rate_function(schedule: Schedule, *, base_learning_rate: float, total_steps: int | None) -> RateFunction:
    """The function step → learning rate of `schedule` in a training of `total_steps` optimizer steps.

    Steps count from 0; the function is finite and ≥ 0 at every step, past the end too, and always gives the same
    rate for the same step. The last step of a decay over T steps is T − 1: as in torch, it trains one notch above
    the lowest rate, which step T would have. A plateau gives its rate without any metric; RunningSchedule takes
    metrics. `total_steps` None is a training of open length: then a schedule whose lengths are all given, or `wsd`.

    cosine, 1.0, 4 steps: 1, 0.8536, 0.5, 0.1464, and 0 from step 4 on.

    Raises ScheduleError with the field at fault, ValueError when called with a negative step.
    """
    return RunningSchedule(schedule, base_learning_rate=base_learning_rate, total_steps=total_steps).rate


class RunningSchedule:
    """A schedule being trained with. Without `plateau` in it, `rate` is all there is to it."""

    def __init__(self, schedule: Schedule, *, base_learning_rate: float, total_steps: int | None) -> None:
        """Raises ScheduleError with the field at fault."""
        check_learning_rate(base_learning_rate, "base_learning_rate")
        self.schedule = schedule
        self.base_learning_rate = float(base_learning_rate)
        self.total_steps = read_total_steps(total_steps)
        self._build()

    def _build(self) -> None:
        span = Span(self.base_learning_rate, self.total_steps, ("schedule",))
        self._function = build(self.schedule, span)
        self._plateaus = span.plateaus

    @property
    def function(self) -> RateFunction:
        """As it was built, for who looks at what it is made of."""
        return self._function

    @property
    def takes_metrics(self) -> bool:
        """Whether there is a plateau in it."""
        return bool(self._plateaus)

    def rate(self, step: int) -> float:
        """The rate of optimizer step `step`, from 0; within a plateau, what the metrics so far have made of it."""
        t = operator.index(step)
        if t < 0:
            raise ValueError(f"step must be at least 0, but it is {t}")
        return min(self._function(min(t, _FAR)), LARGEST)

    def observe(self, step: int, metric: float) -> None:
        """Take the metric measured after step `step`: the plateau that this step lies in sees it."""
        for plateau in self._plateaus:
            if plateau.first_step <= step and (plateau.end_step is None or step < plateau.end_step):
                plateau.state = observe(plateau.state, float(metric), plateau.schedule)

    def state(self) -> list[dict[str, Any]]:
        """The states of its plateaus, in plain values."""
        return [asdict(plateau.state) for plateau in self._plateaus]

    def load(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on from what `state` gave."""
        if len(states) != len(self._plateaus):
            raise ValueError(f"the state is of {len(states)} plateaus, the schedule has {len(self._plateaus)}")
        for plateau, state in zip(self._plateaus, states, strict=True):
            plateau.state = PlateauState(**state)

    def __getstate__(self) -> dict[str, Any]:
        """Closures cannot be pickled or copied: they are built anew."""
        kept = {name: value for name, value in vars(self).items() if name not in ("_function", "_plateaus")}
        return kept | {"states": self.state()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        states = kept.pop("states")
        vars(self).update(kept)
        self._build()
        self.load(states)


def check_learning_rate(rate: Any, name: str) -> None:
    """Raises ScheduleError at `name` unless it is a finite number > 0."""
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not number or not math.isfinite(rate) or rate <= 0:
        raise ScheduleError((name,), f"must be a finite number > 0, but it is {rate!r}; try 0.001")


def read_total_steps(total_steps: Any) -> int | None:
    """As an int, of 10.0 too. Raises ScheduleError unless it is a whole number ≥ 1 or None."""
    if total_steps is None:
        return None
    if isinstance(total_steps, float) and total_steps.is_integer():
        total_steps = int(total_steps)
    if isinstance(total_steps, bool) or not isinstance(total_steps, int) or total_steps < 1:
        message = f"must be a whole number of optimizer steps, at least 1, but it is {total_steps!r}"
        raise ScheduleError(("total_steps",), message)
    return total_steps
