"""The picture of a study's metric over its learning rate. Pure: replies in, a picture out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lrtune.service.pictures.looks import SHAPES
from lrtune.service.pictures.outcomes import (
    Mark,
    Values,
    key_layers,
    mark_layers,
    past_layer,
    state_labels,
    values_for,
)
from lrtune.service.pictures.parts import Axis, Band, Layer, Line, Panel, Picture, Points, Rule, Span
from lrtune.service.pictures.places import decades
from lrtune.service.pictures.rate.panels import Choice, by_importance, choices
from lrtune.service.sentences import pictures as words
from lrtune.service.wire.range_tests import RangeTestFindings
from lrtune.service.wire.responses import LearningRateResponse, ResponsePoint

_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3}


def response_picture(
    found: LearningRateResponse,
    *,
    title: str | None = None,
    test: RangeTestFindings | None = None,
    optimizer: str | None = None,
    reasons: Mapping[int, str] | None = None,
) -> Picture:
    """Each trial's value over its rate by what it came to, and the fitted mean and band, the interval, the suggestion
    and the boundary in the panel of the setting that they are of.

    `test` is a range test of the study, with the `optimizer` that it was made with where that is known; `reasons` say
    why trials were drawn, by number. Without a title it is the study's name.
    """
    names = by_importance(found.points)
    drawing = _Drawing(found, test, optimizer, reasons or {}, names[0] if names else None, *names[1:2])
    shown = choices(found.points, drawing.first, found.categories)
    x, y = _rates_axis(found), drawing.values.axis(found.metric)
    panels = [
        Panel(x, y, [*drawing.legend(is_first=index == 0), *drawing.layers(choice)], _title(choice))
        for index, choice in enumerate(shown)
    ]
    total = sum(counts(found).values())
    name = f"{title or f'study {found.study}'}: {words.of_all(len(found.points), total)}"
    return Picture(name, panels, _said(found), columns=_COLUMNS[len(shown)], notes=_notes(found))


def counts(found: LearningRateResponse) -> dict[str, int]:
    """The begun trials by state; from a service that does not tell, those that are points."""
    return found.counts or Counter[str](point.state for point in found.points)


def best_of(found: LearningRateResponse) -> ResponsePoint | None:
    """The complete trial with the best value."""
    sign = 1.0 if found.direction == "minimize" else -1.0
    complete = [p for p in found.points if p.state == "complete" and p.value is not None and math.isfinite(p.value)]
    return min(complete, key=lambda point: sign * float(point.value or 0.0), default=None)


@dataclass
class _Drawing:
    """What all panels of a picture go by."""

    found: LearningRateResponse
    test: RangeTestFindings | None
    optimizer: str | None
    reasons: Mapping[int, str]
    first: str | None
    """The parameter that makes the panels."""
    second: str | None = None
    """The one that makes shapes."""
    values: Values = field(init=False)
    shapes: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.values = values_for(self._measured(), self.found.direction)
        self.shapes = {} if self.second is None else _shapes(self.found.points, self.second)

    def _measured(self) -> list[float]:
        return [float(point.value) for point in self.found.points if point.value is not None]

    def _drawn(self) -> Counter[str]:
        return Counter[str](point.state for point in self.found.points)

    def legend(self, *, is_first: bool) -> list[Layer]:
        """Lines of the legend that go with no mark alone: in the first panel, for all."""
        if not is_first:
            return []
        shapes = [
            Points("plain", [], [], words.settings({str(self.second): name}), shape=shape)
            for name, shape in self.shapes.items()
        ]
        return [*key_layers(self._drawn(), counts(self.found)), *shapes, *past_layer(self._measured(), self.values)]

    def layers(self, choice: Choice) -> list[Layer]:
        """What lies in a panel, from below."""
        labels = state_labels(self._drawn(), counts(self.found))
        marks = mark_layers([self._mark(point, choice) for point in choice.points], self.values, labels)
        around = [*_searched(self.found), *(self._tested() if self._is_tested(choice) else [])]
        answer = [*_fit(self.found), *_answer(self.found)] if choice.suggested else []
        return [*answer, *around, *marks, *self._best(choice)]

    def _mark(self, point: ResponsePoint, choice: Choice) -> Mark:
        others = {name: one for name, one in self.found.categories.items() if name != self.second}
        pale = choice.suggested and bool(choice.title) and not _is_of(point, others)
        shape = self.shapes.get(str(point.categories.get(self.second)), SHAPES[0]) if self.second else SHAPES[0]
        own: dict[str, object] = {
            "learning rate": point.learning_rate,
            self.found.metric: "none" if point.value is None else point.value,
        }
        told = words.told(point.trial, point.state, own | {**point.categories}, self.reasons.get(point.trial, ""))
        return Mark(point.learning_rate, point.value, point.state, point.trial, told, shape, pale)

    def _best(self, choice: Choice) -> list[Layer]:
        best = best_of(self.found)
        if best is None or best.value is None or best not in choice.points:
            return []
        label = words.best(best.trial, best.learning_rate)
        return [Points("best", [best.learning_rate], [self.values.within(best.value)], label, trials=[best.trial])]

    def _is_tested(self, choice: Choice) -> bool:
        """Whether the range test speaks for the panel: that of its optimizer; of all where it was not said."""
        if self.first == "optimizer" and self.optimizer is not None and choice.choice is not None:
            return choice.choice == self.optimizer
        return choice.suggested or self.optimizer is None

    def _tested(self) -> list[Layer]:
        if self.test is None:
            return []
        layers: list[Layer] = []
        if self.test.bounds is not None:
            layers.append(Span("range test", *self.test.bounds, label=words.rates("range test", *self.test.bounds)))
        if self.test.recommended is not None:
            label = words.rates("range test recommends", self.test.recommended)
            layers.append(Rule("range test", self.test.recommended, label=label, dash="dashdot"))
        return layers


def _title(choice: Choice) -> str:
    many = len(choice.points)
    return f"{choice.title}: {words.of_all(many, many)}" if choice.title else ""


def _searched(found: LearningRateResponse) -> list[Layer]:
    """Between which rates the search goes."""
    if found.bounds is None:
        return []
    label = words.rates("searched", *found.bounds)
    return [Rule("plain", end, label=label, dash="dotted") for end in found.bounds]


def _answer(found: LearningRateResponse) -> list[Layer]:
    layers: list[Layer] = []
    if found.interval is not None:
        layers.append(Span("answer", *found.interval, label=words.rates("interval", *found.interval)))
    if found.suggested is not None:
        layers.append(Rule("answer", found.suggested, label=words.rates("suggested", found.suggested)))
    if found.max_stable_learning_rate is not None:
        edge = found.max_stable_learning_rate
        layers.append(Rule("edge", edge, label=words.edge(edge, found.categories), dash="dashed"))
    return layers


def _fit(found: LearningRateResponse) -> list[Layer]:
    """The mean and its band between the lowest and the highest rate that a complete trial of the setting had."""
    tried = [p.learning_rate for p in found.points if p.state == "complete" and _is_of(p, found.categories)]
    if found.fit is None or not tried:
        return []
    fit, low, high = found.fit, min(tried) / 1.001, max(tried) * 1.001
    inside = [index for index, rate in enumerate(fit.learning_rates) if low <= rate <= high]
    rates, mean, lower, upper = (
        [series[index] for index in inside] for series in (fit.learning_rates, fit.mean, fit.low, fit.high)
    )
    return [
        Band("fit", rates, lower, upper, label="9 of 10 new runs"),
        Line("fit", rates, mean, label="fitted mean", width=2.0, told="fitted mean"),
    ]


def _is_of(point: ResponsePoint, choice: Mapping[str, object]) -> bool:
    return all(point.categories.get(name, one) == one for name, one in choice.items())


def _shapes(points: Sequence[ResponsePoint], name: str) -> dict[str, str]:
    """A shape a choice of the parameter that matters second; none where it has more choices than there are shapes."""
    chosen = sorted({str(point.categories[name]) for point in points if name in point.categories})
    return dict(zip(chosen, SHAPES, strict=False)) if 1 < len(chosen) <= len(SHAPES) else {}


def _rates_axis(found: LearningRateResponse) -> Axis:
    """A logarithmic axis over the searched bounds, and what was tried beyond them."""
    rates = [point.learning_rate for point in found.points]
    rates += [*(found.bounds or ()), *([found.suggested] if found.suggested else [])]
    rates += found.fit.learning_rates[::100] if found.fit is not None and found.bounds is None else []
    if not rates:
        return Axis("learning rate", log=True)
    low, high = min(rates), max(rates)
    room = 10 ** (0.03 * decades((low, high))) if low < high else 2.0
    return Axis("learning rate", log=True, ends=(low / room, high * room))


def _notes(found: LearningRateResponse) -> list[str]:
    """For which setting the fit and what goes with it are."""
    parts = (["fit"] if found.fit is not None else []) + (["interval"] if found.interval is not None else [])
    parts += ["boundary"] if found.max_stable_learning_rate is not None else []
    if not found.categories or (not parts and found.suggested is None):
        return []
    return [words.shown_for(parts or ["suggested"], found.categories)]


def _said(found: LearningRateResponse) -> str:
    drawn = Counter[str](point.state for point in found.points)
    counted = words.counted(drawn, counts(found), without=found.without_rate, parameter=found.parameter or "")
    told = words.fitted(found.categories, fit=found.fit is not None, edge=found.max_stable_learning_rate)
    return f"{counted} {told}".strip()
