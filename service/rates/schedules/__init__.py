"""Learning-rate schedules: from the JSON form (`wire.schedules`) to the rate of every optimizer step.

The same function serves preview, training and resumed training, so the three cannot disagree.

    rate = rate_function(read_schedule("cosine"), base_learning_rate=0.1, total_steps=100)
    rate(0), rate(50), rate(100)   # 0.1, 0.05, 0.0
"""

from lrtune.service.rates.schedules.building import default_schedule
from lrtune.service.rates.schedules.parts import RateFunction
from lrtune.service.rates.schedules.preview import SchedulePreview, preview
from lrtune.service.rates.schedules.running import RunningSchedule, rate_function
from lrtune.service.rates.schedules.sampled import schedule_from_params
from lrtune.service.wire.schedules import Schedule, ScheduleError, read_schedule

__all__ = [
    "RateFunction",
    "RunningSchedule",
    "Schedule",
    "ScheduleError",
    "SchedulePreview",
    "default_schedule",
    "preview",
    "rate_function",
    "read_schedule",
    "schedule_from_params",
]
