"""Schedules of learning rates in a torch training.

    scheduler = ScheduledLR(optimizer, "cosine", total_steps=len(batches) * epochs)
    for batch in batches:
        ...
        optimizer.step()
        scheduler.step()

The rates are those that `lrtune schedule` and `POST /v1/schedules/preview` show: one function computes them all.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, cast

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrtune.service.rates.schedules import RunningSchedule, ScheduleError, default_schedule, read_schedule
from lrtune.service.rates.schedules.running import read_total_steps
from lrtune.service.wire.schedules import Schedule, schedule_adapter
from lrtune.service.wire.schedules.union import Default

LEFT = "lrtune_rate"
"""The key of a parameter group under which the rate stands that a schedule gave it last: another was set by someone."""


class ScheduledLR(LRScheduler):
    """Drives the learning rates of an optimizer along a schedule, one `step()` per optimizer step.

    The base learning rate is the largest initial one among the parameter groups. Every group follows the same
    function, times its own initial rate over that one: the ratios between the groups stay what they were, also at
    `min_lr`, which is the largest group's. A group with rate 0 stays frozen. Only learning rates are set, so optimizers
    without momentum do.

    A second phase on the same optimizer begins with the rates that were set (`group["lr"] = 1e-3`) since the first; a
    group whose rate nobody touched, with its initial one.

    `total_steps` None is a training of open length (`wsd`, or a schedule whose lengths are all given), see `end_at`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | Mapping[str, Any] | str,
        *,
        total_steps: int | None,
        last_epoch: int = -1,
    ) -> None:
        """`last_epoch` is the last step done, as in torch; -1 begins. Raises ScheduleError with the field at fault."""
        groups = optimizer.param_groups
        initial = _checked(_rates_to_begin_with(groups) if last_epoch == -1 else [_initial(group) for group in groups])
        read = read_schedule(schedule)
        total_steps = read_total_steps(total_steps)
        if isinstance(read, Default):
            read = default_schedule(total_steps)
        self._running = RunningSchedule(read, base_learning_rate=max(initial), total_steps=total_steps)
        if last_epoch == -1:
            for group, rate in zip(groups, initial, strict=True):
                group["initial_lr"] = rate
        super().__init__(optimizer, last_epoch)

    @property
    def schedule(self) -> Schedule:
        """What it follows."""
        return self._running.schedule

    @property
    def total_steps(self) -> int | None:
        """The steps of the training; None while they are open."""
        return self._running.total_steps

    def get_lr(self) -> list[float | Tensor]:
        """The rate of each parameter group at the current step."""
        running = self._running
        rate = running.rate(self.last_epoch)
        return [rate * (initial / running.base_learning_rate) for initial in self._initial_rates()]

    def step(self, metric: SupportsFloat | None = None) -> None:
        """Go on to the next step. A `metric` of the step just done goes to `plateau`; other schedules ignore it.

        The patience of `plateau` counts metrics: give one an epoch, or one a step, as you measure.
        """
        if metric is not None and self.last_epoch >= 0:
            self._running.observe(self.last_epoch, float(metric))
        super().step()
        self._mark()

    def end_at(self, total_steps: int) -> None:
        """Give a training of open length its end. Raises ScheduleError where the decay would already have begun."""
        if self.total_steps is not None:
            raise ScheduleError(("total_steps",), f"is {self.total_steps} already; only an open length can be set")
        ended = RunningSchedule(
            self.schedule, base_learning_rate=self._running.base_learning_rate, total_steps=total_steps
        )
        ended.load(self._running.state())
        now = self.last_epoch
        if ended.rate(now) != self._running.rate(now) or now >= total_steps:
            message = (
                f"{total_steps} is too early: the rate would jump at step {now}; give more steps or a shorter decay"
            )
            raise ScheduleError(("total_steps",), message)
        self._running = ended

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on exactly from here, in plain values (`torch.load(weights_only=True)` reads it)."""
        return {
            "schedule": schedule_adapter.dump_python(self.schedule, mode="json"),
            "total_steps": self.total_steps,
            "base_learning_rate": self._running.base_learning_rate,
            "initial_rates": self._initial_rates(),
            "last_epoch": self.last_epoch,
            "plateaus": self._running.state(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a `state_dict` of the same schedule: its rates replace those given here, and the rates of the
        optimizer are set to those of its step. The `total_steps` given here hold, and the rest of the training is that
        of a training of this length; where none are given, its own do.

        Raises ValueError for the state of another schedule or of more parameter groups than the optimizer has, or for
        another number of plateaus.
        """
        initial = state_dict["initial_rates"]
        groups = self.optimizer.param_groups
        if len(groups) < len(initial):
            raise ValueError(f"the state is of {len(initial)} parameter groups, but the optimizer has {len(groups)}")
        schedule, total_steps = self._schedule_from(read_schedule(state_dict["schedule"]), state_dict["total_steps"])
        running = RunningSchedule(
            schedule, base_learning_rate=state_dict["base_learning_rate"], total_steps=total_steps
        )
        running.load(state_dict["plateaus"])
        self._running = running
        for group, rate in zip(groups, initial, strict=False):
            group["initial_lr"] = rate
        self.base_lrs = list(initial)
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = self.last_epoch + 1
        self._set_rates()

    def _set_rates(self) -> None:
        rates = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(cast(float, rate))
            else:
                group["lr"] = rate
        self._last_lr = rates
        self._mark()

    def _schedule_from(self, kept: Schedule, total_steps: int | None) -> tuple[Schedule, int | None]:
        """The schedule to go on with, and the length: the one given here, else the kept one."""
        both_default = _is_default(kept, total_steps) and _is_default(self.schedule, self.total_steps)
        if kept != self.schedule and not both_default:
            raise ValueError(
                f"the state is of the schedule {_shown(kept)}, and this one is {_shown(self.schedule)}: give the one "
                "it was saved with to go on, or leave load_state_dict out to begin a new phase"
            )
        if self.total_steps is None:
            return kept, total_steps
        return (kept if kept == default_schedule(None) else self.schedule), self.total_steps

    def _mark(self) -> None:
        for group in self.optimizer.param_groups:
            group[LEFT] = float(group["lr"])

    def _initial_rates(self) -> list[float]:
        """The initial rate of each group; a group added since the beginning joins with the rate it has."""
        return [float(group.setdefault("initial_lr", group["lr"])) for group in self.optimizer.param_groups]


def _is_default(schedule: Schedule, total_steps: int | None) -> bool:
    return schedule in (default_schedule(total_steps), default_schedule(None))


def _shown(schedule: Schedule) -> dict[str, Any]:
    return {"name": schedule.name, **schedule_adapter.dump_python(schedule, mode="json", exclude_none=True)}


def set_rates(groups: Sequence[Mapping[str, Any]]) -> list[float]:
    """The rates of parameter groups that a person set: those with which a schedule began, unless changed since."""
    return [_set_rate(group) for group in groups]


def _rates_to_begin_with(groups: Sequence[Mapping[str, Any]]) -> list[float]:
    """As `set_rates`; of groups that another kind of schedule drove, those that they have, unless it left 0 in all."""
    if any(LEFT in group for group in groups) or not any(float(group["lr"]) for group in groups):
        return set_rates(groups)
    return [float(group["lr"]) for group in groups]


def _set_rate(group: Mapping[str, Any]) -> float:
    rate = float(group["lr"])
    return _initial(group) if rate == group.get(LEFT, rate) else rate


def _initial(group: Mapping[str, Any]) -> float:
    return float(group.get("initial_lr", group["lr"]))


def _checked(rates: list[float]) -> list[float]:
    for index, rate in enumerate(rates):
        if not math.isfinite(rate) or rate < 0:
            message = f"must be a finite number > 0, or 0 to freeze the group, but it is {rate!r}; try 0.001"
            raise ScheduleError((f"optimizer.param_groups[{index}]['lr']",), message)
    if not any(rates):
        message = "must not be 0 in every group, which would train nothing: set the rate that the training begins with"
        raise ScheduleError(("optimizer.param_groups[0]['lr']",), message)
    return rates
