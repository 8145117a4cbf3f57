"""Schedules in a search space: from a trial's parameters to the schedule to train with."""

from collections.abc import Mapping
from typing import Any

from lrtune.service.wire.schedules import SCHEDULES, Schedule, ScheduleError, read_schedule

_PREFIX = "schedule."


def schedule_from_params(params: Mapping[str, Any]) -> Schedule | None:
    """The schedule among a trial's parameters, None where they have none.

    `schedule` is its name; `schedule.PARAMETER` a parameter of it, and `schedule.NAME.PARAMETER` one that counts
    only where NAME was drawn, for ranges that differ from schedule to schedule. Other parameters are left alone.

        {"schedule": {"type": "categorical", "choices": ["cosine", "exponential", "wsd"]},
         "schedule.warmup_fraction": {"type": "float", "low": 0.0, "high": 0.2},
         "schedule.gamma": {"type": "float", "low": 0.9, "high": 0.999, "when": {"schedule": ["exponential"]}},
         "schedule.wsd.decay_fraction": {"type": "float", "low": 0.1, "high": 0.5, "when": {"schedule": ["wsd"]}}}

    Lengths are best given as fractions: they hold for any batch size. Raises ScheduleError with the parameter at
    fault.
    """
    name = params.get("schedule")
    given = {key.removeprefix(_PREFIX): value for key, value in params.items() if key.startswith(_PREFIX)}
    if name is None:
        if given and "schedule" not in params:
            raise ScheduleError(("schedule",), f"is missing beside {_PREFIX}{next(iter(given))}: name the schedule")
        return None
    return read_schedule({"name": name, **_own(str(name), given)})


def _own(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are the named schedule's."""
    own: dict[str, Any] = {}
    for key, value in given.items():
        owner, dot, parameter = key.partition(".")
        if dot and owner not in SCHEDULES:
            raise ScheduleError(("schedule", key), f"there is no schedule {owner!r}; use {', '.join(SCHEDULES)}")
        if dot and owner != name:
            continue
        parameter = parameter if dot else key
        if parameter in own:
            raise ScheduleError(("schedule", key), f"is given twice, as {parameter} and {name}.{parameter}: give one")
        own[parameter] = value
    return own
