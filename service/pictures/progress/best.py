"""The picture of a study's best value so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lrtune.service.pictures.parts import Axis, Layer, Line, Panel, Picture, Points
from lrtune.service.pictures.values import heights, time_unit
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import loss

Over = Literal["trials", "steps", "hours"]
OVER: tuple[Over, ...] = ("trials", "steps", "hours")


@dataclass(frozen=True)
class Spent:
    """What a study had spent: trials that had ended, steps trained, seconds since its first trial began."""

    ended: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Reached:
    """A value that a trial came to, and what the study had spent by then."""

    trial: int
    value: float
    spent: Spent


@dataclass(frozen=True)
class BestSoFar:
    """A study's improvements, in the order of time; `others` are a bounded sample of its `complete` trials."""

    study: str
    metric: str
    maximizes: bool
    improvements: Sequence[Reached]
    others: Sequence[Reached]
    complete: int
    now: Spent

    @property
    def best(self) -> Reached | None:
        """The last improvement."""
        return self.improvements[-1] if self.improvements else None


def best_picture(found: BestSoFar, over: Over = "trials") -> Picture:
    """The best value over what was spent, stairs with a mark an improvement; complete trials as pale points."""
    title = f"study {found.study}: best so far"
    best = found.best
    if best is None:
        return Picture(title, [], say.nothing_complete())
    unit, seconds = time_unit(found.now.seconds) if over == "hours" else ("", 1.0)
    values = [one.value for one in (*found.others, *found.improvements)]
    scale = heights(found.metric, values, maximizes=found.maximizes)
    shown = [one for one in found.others if not scale.is_past(one.value)]
    layers: list[Layer] = [
        Points(
            "plain",
            [_place(one.spent, over, seconds) for one in shown],
            [one.value for one in shown],
            label="complete trials",
            texts=[f"trial {one.trial}: {loss(one.value)}" for one in shown],
            trials=[one.trial for one in shown],
            pale=True,
        ),
        *best_line(found, over, seconds, role="best", label="best so far"),
    ]
    idle = found.now.ended - best.spent.ended
    said = say.best_so_far(best.value, best.trial, len(found.improvements), found.complete, idle)
    panel = Panel(_axis(over, unit), scale.axis, layers)
    return Picture(title, [panel], f"{said} {say.sampled(len(found.others), found.complete)}".strip())


def best_line(found: BestSoFar, over: Over, seconds: float, *, role: str, label: str) -> list[Layer]:
    """The best value as stairs up to what has been spent now, and its improvements."""
    steps = found.improvements
    if not steps:
        return []
    x = [_place(one.spent, over, seconds) for one in steps]
    y = [one.value for one in steps]
    end = max(_place(found.now, over, seconds), x[-1])
    texts = [f"trial {one.trial}: {loss(one.value)}" for one in steps]
    return [
        Line(role, [*x, end], [*y, y[-1]], label=label, width=2.2, stairs=True),
        Points(role, x, y, texts=texts, trials=[one.trial for one in steps]),
    ]


def _axis(over: Over, unit: str) -> Axis:
    if over == "hours":
        return Axis(f"{unit} since the first trial began")
    return Axis("trials ended" if over == "trials" else "steps trained", whole=True)


def _place(spent: Spent, over: Over, seconds: float) -> float:
    if over == "hours":
        return spent.seconds / seconds
    return float(spent.ended if over == "trials" else spent.steps)
