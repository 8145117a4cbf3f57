"""The picture of a study's metric over one of its parameters."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.pictures.looks import MARKS
from lrtune.service.pictures.parts import Axis, Layer, Panel, Picture, Points
from lrtune.service.pictures.space.coordinates import Coordinate, choice_of, shown
from lrtune.service.pictures.values import Heights, heights
from lrtune.service.sentences import pictures as words
from lrtune.service.sentences import views as say
from lrtune.service.sentences.words import loss
from lrtune.service.wire.search_space import CategoricalParameter, Parameter

_GOLDEN = 0.6180339887
_WIDTH = 0.5
"""Of a choice's column, in which its trials stand beside each other."""


@dataclass(frozen=True)
class Placed:
    """A trial that has begun; `value` is its final one, or the last it reported, None where that is not finite."""

    trial: int
    state: str
    at: Any
    """The parameter's value; None where the trial has none."""
    value: float | None


@dataclass(frozen=True)
class OverParameter:
    """A sample of a study's trials, of bounded size; `counts` are of all begun trials, by state."""

    study: str
    metric: str
    maximizes: bool
    name: str
    parameter: Parameter
    trials: Sequence[Placed]
    counts: Mapping[str, int]


def parameter_picture(found: OverParameter) -> Picture:
    """Each trial's value over the parameter's, by what it came to; those without a value at the worse edge."""
    title = f"study {found.study}: {found.metric} over {found.name}"
    coordinate = Coordinate(found.name, found.parameter)
    placed = [(trial, x) for trial in found.trials if (x := _place(coordinate, trial)) is not None]
    complete = [one.value for one, _ in placed if one.value is not None and one.state in ("complete", "short")]
    known = complete or [one.value for one, _ in placed if one.value is not None]
    scale = heights(found.metric, known, maximizes=found.maximizes)
    by_state: dict[str, list[tuple[Placed, float]]] = defaultdict(list)
    for one, x in placed:
        by_state[one.state].append((one, x))
    layers: list[Layer] = []
    for state in MARKS:
        if by_state[state]:
            layers += _of_state(state, by_state[state], coordinate, scale, found.counts)
    without = sum(coordinate.place(trial.at) is None for trial in found.trials)
    said = say.over_parameter(found.name, len(placed), sum(found.counts.values()) - without, without)
    return Picture(title, [Panel(_axis(coordinate), scale.axis, layers)] if layers else [], said)


def _of_state(
    state: str,
    trials: Sequence[tuple[Placed, float]],
    coordinate: Coordinate,
    scale: Heights,
    counts: Mapping[str, int],
) -> list[Layer]:
    label = words.state(state, len(trials), max(counts.get(state, 0), len(trials)))
    layers: list[Layer] = []
    for past in (False, True):
        some = [(one, x) for one, x in trials if scale.is_past(one.value) == past]
        if not some:
            continue
        far = "up" if scale.worse == "top" else "down"
        layers.append(
            Points(
                state,
                [x for _, x in some],
                [one.value for one, _ in some],
                label=label,
                texts=[_told(one, coordinate) for one, _ in some],
                trials=[one.trial for one, _ in some],
                shape=far if past and state in ("complete", "short") else None,
                at=scale.worse if past else None,
            )
        )
    return layers


def _told(one: Placed, coordinate: Coordinate) -> str:
    value = "" if one.value is None else f", {loss(one.value)}"
    return f"trial {one.trial}: {coordinate.name} {shown(one.at)}{value}"


def _place(coordinate: Coordinate, trial: Placed) -> float | None:
    """Where a trial stands: choices are columns, in which trials are spread by their numbers."""
    parameter = coordinate.parameter
    if coordinate.place(trial.at) is None:
        return None
    if not isinstance(parameter, CategoricalParameter):
        return float(trial.at)
    at = choice_of(parameter, trial.at)
    assert at is not None
    return at + _WIDTH * (trial.trial * _GOLDEN % 1.0 - 0.5)


def _axis(coordinate: Coordinate) -> Axis:
    parameter = coordinate.parameter
    if isinstance(parameter, CategoricalParameter):
        count = len(parameter.choices)
        stride = -(-count // 12)
        ticks = tuple((float(at), shown(parameter.choices[at])) for at in range(0, count, stride))
        return Axis(coordinate.name, ends=(-0.6, count - 0.4), ticks=ticks)
    low, high = float(parameter.low), float(parameter.high)
    if coordinate.is_log:
        room = (high / low) ** 0.03 if high > low else 2.0
        return Axis(coordinate.name, log=True, ends=(low / room, high * room))
    room = 0.03 * (high - low) or 0.5
    return Axis(coordinate.name, ends=(low - room, high + room), whole=parameter.type == "int")
