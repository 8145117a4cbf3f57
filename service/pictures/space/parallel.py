"""The picture of all parameters beside each other, a line a trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.pictures.parts import Axis, Layer, Line, Note, Panel, Picture, Points, Scale
from lrtune.service.pictures.space.coordinates import Coordinate, shown
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import loss
from lrtune.service.wire.search_space import Parameter

MOST_PARAMETERS = 10
_BINS = 8
_TICK = 12
"""Letters of a parameter's name where there are many."""


@dataclass(frozen=True)
class Tried:
    """A complete trial."""

    number: int
    value: float
    params: Mapping[str, Any]


@dataclass(frozen=True)
class SpaceSeen:
    """A study's complete trials, best first, a sample of bounded size; `names` are the parameters to show."""

    study: str
    metric: str
    maximizes: bool
    space: Mapping[str, Parameter]
    names: Sequence[str]
    by_importance: bool
    trials: Sequence[Tried]
    complete: int


def parallel_picture(found: SpaceSeen) -> Picture:
    """An axis a parameter, and one of the value; lines are coloured by the value, the best drawn last."""
    title = f"study {found.study}: parameters"
    names = list(found.names)[:MOST_PARAMETERS]
    trials = [trial for trial in found.trials if math.isfinite(trial.value)]
    if not trials or not names:
        return Picture(title, [], say.nothing_complete())
    heights = _Heights.over([trial.value for trial in trials], maximizes=found.maximizes)
    axes = [Coordinate(name, found.space[name]) for name in names]
    bins: list[list[Tried]] = [[] for _ in range(_BINS)]
    for trial in trials:
        bins[min(int(heights.share(trial.value) * _BINS), _BINS - 1)].append(trial)
    order = range(_BINS) if found.maximizes else reversed(range(_BINS))  # The best last, above the others.
    layers: list[Layer] = [_lines(bins[at], axes, heights, found.metric, at) for at in order if bins[at]]
    best = trials[0]
    layers.append(_best(best, axes, heights))
    layers += _marks(axes, heights)
    gaps = any(axis.place(trial.params.get(axis.name)) is None for trial in trials for axis in axes)
    said = say.parallel(
        len(trials), found.complete, len(names), len(found.space), by_importance=found.by_importance, with_gaps=gaps
    )
    longest = 20 if len(names) <= 4 else _TICK
    ticks = [(float(at), shown(name, longest)) for at, name in enumerate([*names, found.metric])]
    x = Axis("", ends=(-0.4, len(names) + 0.4), ticks=tuple(ticks))
    y = Axis("", ends=(-0.12, 1.12), ticks=((-9.0, ""),))
    scale = Scale(found.metric, heights.low, heights.high, log=heights.log)
    return Picture(title, [Panel(x, y, layers)], said, scale=scale)


@dataclass(frozen=True)
class _Heights:
    """The axis of the value: the worst tenth lies at its end."""

    low: float
    high: float
    log: bool

    @classmethod
    def over(cls, values: Sequence[float], *, maximizes: bool) -> "_Heights":
        ordered = sorted(values)
        cut = len(ordered) // 10
        low, high = (ordered[cut], ordered[-1]) if maximizes else (ordered[0], ordered[-1 - cut])
        return cls(low, high, low > 0 and high > 10 * low)

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1."""
        if self.high <= self.low:
            return 0.5
        value = min(max(value, self.low), self.high)
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)  # Halves: a difference may be infinite.


def _lines(trials: Sequence[Tried], axes: Sequence[Coordinate], heights: _Heights, metric: str, at: int) -> Line:
    """Lines of about the same colour as one, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for trial in trials:
        places = [axis.place(trial.params.get(axis.name)) for axis in axes]
        x += [*map(float, range(len(axes) + 1)), None]
        y += [*places, heights.share(trial.value), None]
        told = [f"trial {trial.number}: {axis.name} {shown(trial.params.get(axis.name))}" for axis in axes]
        texts += [*told, f"trial {trial.number}: {metric} {loss(trial.value)}", ""]
    return Line("plain", x, y, width=1.2, shade=(at + 0.5) / _BINS, texts=texts, pale=len(trials) > 30)


def _best(best: Tried, axes: Sequence[Coordinate], heights: _Heights) -> Line:
    places = [axis.place(best.params.get(axis.name)) for axis in axes]
    x = [float(at) for at in range(len(axes) + 1)]
    label = f"best: trial {best.number}"
    return Line("best", x, [*places, heights.share(best.value)], label=label, width=2.6, trial=best.number)


def _marks(axes: Sequence[Coordinate], heights: _Heights) -> list[Layer]:
    """What each axis begins and ends with, and the axes themselves."""
    layers: list[Layer] = []
    ends = [(0.0, loss(heights.low)), (1.0, loss(heights.high))] if heights.high > heights.low else []
    for at, ticks in enumerate([*(axis.ticks(8) for axis in axes), ends or [(0.5, loss(heights.low))]]):
        layers.append(Line("plain", [float(at), float(at)], [0.0, 1.0], width=1.0))
        among = [place for place, _ in ticks if 0.0 < place < 1.0]
        layers.append(Points("plain", [float(at)] * len(among), among, pale=True))
        for place, text in ticks:
            layers.append(Note(text, float(at), place + (-0.06 if place < 0.5 else 0.06)))
    return layers
