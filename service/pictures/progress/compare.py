"""The picture of a few studies beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from lrtune.service.pictures.parts import Axis, Layer, Line, Panel, Picture, Points
from lrtune.service.pictures.progress.best import BestSoFar, best_line
from lrtune.service.pictures.values import heights
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import loss

FEWEST, MOST = 2, 5


@dataclass(frozen=True)
class Compared:
    """A study, and what it suggests: a rate where it searches one, with its interval, and the value to be expected."""

    progress: BestSoFar
    learning_rate: float | None = None
    interval: tuple[float, float] | None = None
    expected_value: float | None = None


def compare_picture(studies: Sequence[Compared]) -> Picture:
    """Best so far over the steps trained, a line a study, in a panel for each metric and direction; then the suggested
    rates with their intervals, and the values to be expected."""
    kinds = list(dict.fromkeys((one.progress.metric, one.progress.maximizes) for one in studies))
    panels = [_best(studies, metric, maximizes, alone=len(kinds) == 1) for metric, maximizes in kinds]
    names = [one.progress.study for one in studies]
    ticks = tuple((float(-place), _short(name)) for place, name in enumerate(names))
    rows = Axis("", ends=(0.5 - len(names), 0.5), ticks=ticks)
    if any(one.learning_rate is not None for one in studies):
        panels.append(Panel(Axis("suggested learning rate", log=True), rows, _rates(studies)))
    if len(kinds) == 1 and any(one.expected_value is not None for one in studies):
        axis = Axis(f"expected {kinds[0][0]}")
        panels.append(Panel(axis, rows, _expected(studies)))
    bests = {one.progress.study: one.progress.best.value if one.progress.best else None for one in studies}
    return Picture("compared: " + ", ".join(names), panels, say.compared(bests, alike=len(kinds) == 1), columns=3)


def _best(studies: Sequence[Compared], metric: str, maximizes: bool, *, alone: bool) -> Panel:
    layers: list[Layer] = []
    values: list[float] = []
    for place, one in enumerate(studies):
        progress = one.progress
        if (progress.metric, progress.maximizes) == (metric, maximizes):
            layers += best_line(progress, "steps", 1.0, role=f"series {place}", label=progress.study)
            values += [found.value for found in progress.improvements]
    better = "higher is better" if maximizes else "lower is better"
    axis = heights(metric, values, maximizes=maximizes).axis
    return Panel(Axis("steps trained", whole=True), axis, layers, title="" if alone else f"{metric}, {better}")


def _rates(studies: Sequence[Compared]) -> list[Layer]:
    layers: list[Layer] = []
    for place, one in enumerate(studies):
        role, row = f"series {place}", float(-place)
        if one.interval is not None:
            layers.append(Line(role, list(one.interval), [row, row], width=4.0, pale=True))
        if one.learning_rate is not None:
            low, high = one.interval or (None, None)
            told = [f"{one.progress.study}: {say.suggested(one.learning_rate, low, high)}"]
            layers.append(Points(role, [one.learning_rate], [row], texts=told))
    return layers


def _expected(studies: Sequence[Compared]) -> list[Layer]:
    return [
        Points(f"series {place}", [one.expected_value], [float(-place)], texts=[f"{one.progress.study}: {loss(value)}"])
        for place, one in enumerate(studies)
        if (value := one.expected_value) is not None
    ]


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
