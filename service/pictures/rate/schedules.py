"""The picture of schedules over each other. Pure: rates in, a picture out."""

from collections.abc import Mapping
from typing import Literal

from lrtune.service.pictures.looks import SERIES
from lrtune.service.pictures.parts import Axis, Layer, Line, Panel, Picture, Points
from lrtune.service.pictures.places import LARGEST
from lrtune.service.rates.schedules import SchedulePreview
from lrtune.service.rates.schedules.course import course
from lrtune.service.sentences import pictures as words

_DASHES: tuple[Literal["solid", "dashed", "dashdot", "dotted"], ...] = ("solid", "dashed", "dashdot", "dotted")
_STAIRS = 200
"""Each rate holds for its step; of more steps nobody sees it."""


def schedules_picture(
    curves: Mapping[str, SchedulePreview], *, title: str = "", log: bool = False, steps_per_epoch: int | None = None
) -> Picture:
    """Learning rate over step, or over epoch where `steps_per_epoch` are given; one line a schedule, by its label, and
    a mark where it is dead from. Later lines are thinner, so that equal ones all show. On a logarithmic axis (`log`),
    rates of 0 have no place."""
    layers: list[Layer] = []
    each = steps_per_epoch or 1
    for index, (label, curve) in enumerate(curves.items()):
        steps, rates = [*curve.steps], [*curve.learning_rates]
        if steps:
            steps, rates = [*steps, steps[-1] + 1], [*rates, rates[-1]]
        dash = _DASHES[index // len(SERIES) % len(_DASHES)]
        width = 2.6 - 1.3 * index / len(curves)
        stairs = len(curve.steps) <= _STAIRS
        x = [step / each for step in steps] if steps_per_epoch else steps
        layers.append(Line(f"series {index}", x, rates, label=label, dash=dash, width=width, stairs=stairs, told=label))
    layers += _deaths(curves, steps_per_epoch)
    over = Axis("epoch") if steps_per_epoch else Axis("optimizer step", whole=True)
    panel = Panel(over, _rates_axis(curves, log=log), layers)
    said = words.schedules({label: max(one.learning_rates, default=0.0) for label, one in curves.items()})
    return Picture(title, [panel], said)


def _deaths(curves: Mapping[str, SchedulePreview], steps_per_epoch: int | None) -> list[Layer]:
    """A mark at the bottom for each schedule that is dead before its end, and one key for all."""
    found: list[Layer] = []
    for index, (label, curve) in enumerate(curves.items()):
        if not curve.steps or max(curve.learning_rates) > LARGEST:
            continue
        step = course(curve.steps, curve.learning_rates, curve.steps[-1] + 1).dies_at
        if step is None:
            continue
        where, told = step / (steps_per_epoch or 1), words.dead(label, step, steps_per_epoch)
        mark = Points(f"series {index}", [where], [None], texts=[told], shape="up", at="bottom", row=len(found))
        found.append(mark)
    if found:
        found.append(Points("plain", [], [], words.DEAD_FROM, shape="up"))
    return found


def _rates_axis(curves: Mapping[str, SchedulePreview], *, log: bool) -> Axis:
    rates = [rate for one in curves.values() for rate in one.learning_rates if abs(rate) <= LARGEST]
    top = max(rates, default=0.0)
    if not log or top <= 0:
        return Axis("learning rate", ends=(0.0, 1.05 * top if top > 0 else 1.0))
    low = max(min(rate for rate in rates if rate > 0), 1e-8 * top)
    return Axis("learning rate", log=True, ends=(low / 1.5, top * 1.5))
