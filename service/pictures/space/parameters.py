"""The picture of a study's metric over each of its numeric parameters. Pure: trials in, a picture out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lrtune.service.pictures.outcomes import (
    Mark,
    Values,
    key_layers,
    mark_layers,
    past_layer,
    state_labels,
    values_for,
)
from lrtune.service.pictures.parts import Axis, Layer, Panel, Picture, Points
from lrtune.service.pictures.places import LARGEST
from lrtune.service.sentences import pictures as words
from lrtune.service.wire.search_space import FloatParameter, IntParameter, Parameter

MOST = 9
"""Parameters in one picture, the first of the search space."""


@dataclass(frozen=True)
class Tried:
    """A trial; `value` is its final or last reported one, None without."""

    number: int
    state: str
    params: Mapping[str, Any]
    value: float | None


def numeric(space: Mapping[str, Parameter]) -> list[str]:
    """The parameters that have a range of numbers."""
    return [name for name, one in space.items() if isinstance(one, FloatParameter | IntParameter)]


def parameters_picture(
    trials: Sequence[Tried],
    space: Mapping[str, Parameter],
    *,
    title: str,
    metric: str,
    direction: Literal["minimize", "maximize"],
    counts: Mapping[str, int],
) -> Picture:
    """A panel a numeric parameter, over its searched range; `counts` are of all begun trials, drawn or not."""
    names = numeric(space)[:MOST]
    values = values_for([trial.value for trial in trials if trial.value is not None], direction)
    drawn = Counter(trial.state for trial in trials)
    labels = state_labels(drawn, counts)
    best = _best(trials, direction)
    y = values.axis(metric)
    panels = []
    for index, name in enumerate(names):
        layers: list[Layer] = [] if index else [*key_layers(drawn, counts)]
        placed = [trial for trial in trials if _is_number(trial.params.get(name))]
        layers += mark_layers([_mark(trial, name, metric) for trial in placed], values, labels)
        if best is not None and best.value is not None and best in placed:
            where = [float(best.params[name])], [values.within(best.value)]
            layers.append(Points("best", *where, words.best(best.number), trials=[best.number]))
        layers += [] if index else _past(trials, values)
        panels.append(Panel(_axis(name, space[name]), y, layers))
    named = f"{title}: {words.of_all(len(trials), sum(counts.values()))}"
    return Picture(named, panels, words.counted(drawn, counts), columns=min(3, len(names)) or 1)


def _past(trials: Sequence[Tried], values: Values) -> list[Points]:
    return past_layer([trial.value for trial in trials if trial.value is not None], values)


def _mark(trial: Tried, name: str, metric: str) -> Mark:
    told = words.told(trial.number, trial.state, {name: trial.params[name], metric: _or_none(trial.value)})
    return Mark(float(trial.params[name]), trial.value, trial.state, trial.number, told)


def _or_none(value: float | None) -> float | str:
    return "none" if value is None else value


def _best(trials: Sequence[Tried], direction: str) -> Tried | None:
    sign = 1.0 if direction == "minimize" else -1.0
    complete = [t for t in trials if t.state == "complete" and t.value is not None and abs(t.value) < LARGEST]
    return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


def _axis(name: str, parameter: Parameter) -> Axis:
    if not isinstance(parameter, FloatParameter | IntParameter):
        return Axis(name)
    low, high = float(parameter.low), float(parameter.high)
    whole = isinstance(parameter, IntParameter)
    if parameter.log:
        room = (high / low) ** 0.03
        return Axis(name, log=True, ends=(low / room, high * room), whole=whole)
    room = 0.03 * (high - low) or 0.5
    return Axis(name, ends=(low - room, high + room), whole=whole)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
