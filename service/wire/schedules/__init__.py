"""Learning-rate schedules on the wire: one JSON form, a union discriminated by `name`.

    {"name": "cosine", "min_lr": 1e-5, "warmup_steps": 100}
    {"name": "warmup", "steps": 100, "kind": "cosine", "then": {"name": "step", "step_size": 30}}
    {"name": "join", "milestones": [900], "schedules": [{"name": "constant"}, {"name": "linear"}]}

Other libraries' names of parameters (`T_max`, `eta_min`, `step_size`, …) are read and written back as ours.
"""

from lrtune.service.wire.schedules.base import ScheduleError, ScheduleModel
from lrtune.service.wire.schedules.models import (
    Constant,
    Cosine,
    CosineRestarts,
    Cyclical,
    Exponential,
    InverseSqrt,
    InverseTime,
    Linear,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Step,
    Wsd,
)
from lrtune.service.wire.schedules.union import (
    SCHEDULES,
    Default,
    Join,
    Schedule,
    Warmup,
    read_schedule,
    schedule_adapter,
)

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Cyclical",
    "Default",
    "Exponential",
    "InverseSqrt",
    "InverseTime",
    "Join",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "ScheduleError",
    "ScheduleModel",
    "Step",
    "Warmup",
    "Wsd",
    "read_schedule",
    "schedule_adapter",
]
