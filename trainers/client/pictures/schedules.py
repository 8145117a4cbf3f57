"""The picture of schedules, for scripts and notebooks; no service is asked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lrtune.service.wire.schedules import Schedule, read_schedule
from lrtune.trainers.client.pictures.drawn import Drawn

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_POINTS = 1_000

Given = Schedule | str | Mapping[str, Any]
"""A schedule, its name, or its JSON form."""


def schedule_picture(schedule: Given, *others: Given, base_learning_rate: float, total_steps: int) -> Drawn:
    """As `plot_schedule`, to be kept as a PNG: `.save("schedule.png")`."""
    from lrtune.service.pictures.rate.schedules import schedules_picture
    from lrtune.service.rates.schedules import preview

    curves: dict[str, Any] = {}
    for one in (schedule, *others):
        read = one if not isinstance(one, str | Mapping) else read_schedule(one)
        curves[_label(read.name, curves)] = preview(
            read, base_learning_rate=base_learning_rate, total_steps=total_steps, points=min(_POINTS, total_steps)
        )
    return Drawn(schedules_picture(curves, title=", ".join(curves)))


def plot_schedule(schedule: Given, *others: Given, base_learning_rate: float, total_steps: int) -> "Figure":
    """The learning rate of each of `total_steps` optimizer steps, a line a schedule.

        lrtune.plot_schedule("cosine", base_learning_rate=0.1, total_steps=1000).show()

    Raises ScheduleError for what is no schedule, ImportError without the extra `lrtune[plots]`.
    """
    return schedule_picture(schedule, *others, base_learning_rate=base_learning_rate, total_steps=total_steps).figure


def _label(name: str, taken: Mapping[str, Any]) -> str:
    label, count = name, 1
    while label in taken:
        count += 1
        label = f"{name} {count}"
    return label
