"""Trials on a picture: a mark for each, by what it came to, and an axis of values that fits them. Pure."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.pictures.looks import SHAPES
from lrtune.service.pictures.parts import Axis, Edge, Points
from lrtune.service.pictures.places import LARGEST, decades
from lrtune.service.sentences import pictures as words

_MOST_DECADES = 4.0
"""So far above a good loss, the better quartile, a logarithmic axis shows losses where they are."""

_MOST_SPANS = 6.0
"""The same on a linear axis, in distances of the best from the median."""

_ROOM, _ROWS = 0.05, 0.18
"""Of an axis of values, beyond the best, and beyond the worst for trials that have no value."""


@dataclass(frozen=True)
class Mark:
    """A trial at `place`; without a value it lies on the worse edge."""

    place: float
    value: float | None
    state: str
    trial: int
    text: str = ""
    """What is told of it where one points at it."""
    shape: str = SHAPES[0]
    pale: bool = False


@dataclass(frozen=True)
class Values:
    """An axis of values: its ends and scale, and where on it a value is that lies past its end."""

    low: float
    high: float
    log: bool
    worse: Edge
    empty: bool = False

    def within(self, value: float) -> float:
        """The value, or the end of the axis that it lies past."""
        return min(max(value, self.low), self.high)

    def is_past(self, value: float) -> bool:
        """Whether the value is worse than all that the axis shows."""
        return value > self.high if self.worse == "top" else value < self.low

    @property
    def past_shape(self) -> str:
        """The shape of what lies past the axis, at that end of it."""
        return "up" if self.worse == "top" else "down"

    def axis(self, title: str) -> Axis:
        """The axis, with room at the worse edge for the trials that have no value."""
        if self.empty:
            return Axis(title, ends=(0.0, 1.0), bare=True)
        below, above = (_ROOM, _ROWS) if self.worse == "top" else (_ROWS, _ROOM)
        if self.log:
            span = decades((self.low, self.high))
            return Axis(title, log=True, ends=(self.low / 10 ** (below * span), self.high * 10 ** (above * span)))
        room = (self.high - self.low) or 0.2 * abs(self.high) or 1.0
        return Axis(title, ends=(self.low - below * room, self.high + above * room))


def values_for(values: Sequence[float], direction: str) -> Values:
    """An axis for what was measured, but for what is so bad that the others would lie on one line. Logarithmic for
    losses above 0 of more than a decade."""
    worse: Edge = "top" if direction == "minimize" else "bottom"
    finite = [value for value in values if abs(value) < LARGEST]
    if not finite:
        return Values(0.0, 1.0, log=False, worse=worse, empty=True)
    ranked = sorted(finite, reverse=worse == "bottom")
    best, last = ranked[0], ranked[-1]
    if worse == "top" and best > 1 / LARGEST and last > 20 * best:
        last = min(last, ranked[len(ranked) // 4] * 10**_MOST_DECADES)
        return Values(best, last, log=True, worse=worse)
    span = abs(ranked[len(ranked) // 2] - best) or abs(ranked[(3 * len(ranked)) // 4] - best)
    if span and abs(last - best) > 4 * _MOST_SPANS * span:
        last = best + math.copysign(_MOST_SPANS * span, last - best)
    return Values(min(best, last), max(best, last), log=False, worse=worse)


def mark_layers(marks: Iterable[Mark], values: Values, labels: Mapping[str, str]) -> list[Points]:
    """Each trial at its place and value; those that have none in rows along the worse edge, a row a state. `labels`
    are the legend's, by state."""
    by_state: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        by_state[mark.state].append(mark)
    layers, row = [], 0
    for state in words.STATES:
        groups: dict[tuple[str | None, bool, bool], list[Mark]] = defaultdict(list)
        for mark in by_state[state]:
            groups[_look(mark, values)].append(mark)
        for (shape, pale, has_place), alike in groups.items():
            given: dict[str, Any] = {"label": labels.get(state, ""), "shape": shape, "pale": pale, **_told(alike)}
            places = [mark.place for mark in alike]
            if has_place:
                heights = [values.within(mark.value or 0.0) for mark in alike]
                layers.append(Points(state, places, heights, **given))
            else:
                layers.append(Points(state, places, [None] * len(places), **given, at=values.worse, row=row))
        row += any(not has_place for _, _, has_place in groups)
    return layers


def _look(mark: Mark, values: Values) -> tuple[str | None, bool, bool]:
    """Its shape where that is not its state's, whether it is pale, and whether it has a place on the axis."""
    if mark.value is None or not abs(mark.value) < LARGEST:
        return None, False, False
    if values.is_past(mark.value):
        return values.past_shape, mark.pale, True
    own = mark.state == "complete" and mark.shape != SHAPES[0]
    return mark.shape if own else None, mark.pale, True


def _told(marks: Sequence[Mark]) -> dict[str, list[str] | list[int]]:
    texts = [mark.text for mark in marks]
    return {"texts": texts if any(texts) else [], "trials": [mark.trial for mark in marks]}


def key_layers(drawn: Mapping[str, int], total: Mapping[str, int]) -> list[Points]:
    """The legend's lines, one a state, whose numbers add up to all trials, drawn or not."""
    labels = state_labels(drawn, total)
    return [Points(state, [], [], label=label) for state, label in labels.items()]


def state_labels(drawn: Mapping[str, int], total: Mapping[str, int]) -> dict[str, str]:
    """What the legend says of each state that a trial has."""
    return {state: words.state(state, drawn.get(state, 0), total[state]) for state in words.STATES if total.get(state)}


def past_layer(found: Sequence[float], values: Values) -> list[Points]:
    """The legend's line for arrows, where there are any: how many values lie past the axis, and how far."""
    past = [value for value in found if values.is_past(value)]
    if not past or values.empty:
        return []
    upwards = values.worse == "top"
    label = words.past_axis(len(past), max(past) if upwards else min(past), upwards=upwards)
    return [Points("plain", [], [], label=label, shape=values.past_shape)]
