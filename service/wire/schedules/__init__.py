"""Learning-rate schedules on the wire: one JSON form, a union discriminated by `name`.

    {"name": "cosine", "min_lr": 1e-5, "warmup_steps": 100}
    {"name": "warmup", "steps": 100, "kind": "cosine", "then": {"name": "step", "step_size": 30}}
    {"name": "join", "milestones": [900], "schedules": [{"name": "constant"}, {"name": "linear"}]}

Other libraries' names of parameters (`T_max`, `eta_min`, `step_size`, …) are read and written back as ours.
The kinds are in `models`; those that hold others, and the default, in `union`.
"""

from lrtune.service.wire.schedules.base import ScheduleError
from lrtune.service.wire.schedules.union import SCHEDULES, Schedule, read_schedule, schedule_adapter

__all__ = ["SCHEDULES", "Schedule", "ScheduleError", "read_schedule", "schedule_adapter"]
