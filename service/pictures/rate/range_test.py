"""The picture of a range test. Pure: rates, losses and what they say in, a picture out."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from lrtune.service.pictures.parts import Axis, Layer, Line, Note, Panel, Picture, Points, Rule, Span
from lrtune.service.pictures.places import LARGEST
from lrtune.service.rates.thinning import thin
from lrtune.service.sentences import pictures as words
from lrtune.service.sentences import range_test as say
from lrtune.service.sentences.words import paragraph, rate
from lrtune.service.wire.cards import Found

MOST_POINTS = 1_000
"""Of a curve, about."""
_RULES = {
    "valley": ("series 0", "circle"),
    "steepest": ("series 4", "triangle"),
    "slide": ("series 3", "plus"),
    "minimum_over_10": ("series 2", "star"),
}
Rates = Sequence[float]


class Findings(Found, Protocol):
    """What a range test says, as the service sends it or as the analysis gives it."""

    @property
    def signal(self) -> bool: ...
    @property
    def smoothed(self) -> Sequence[float]: ...


def range_test_picture(
    learning_rates: Rates,
    losses: Sequence[Sequence[float]],
    found: Findings,
    suggestions: Mapping[str, float | None],
    *,
    ignored: Sequence[Sequence[int]] = (),
    title: str,
) -> Picture:
    """Loss over rate: each seed's losses, the smoothed curve, each rule's answer on it (`suggestions`, by rule), the
    usable rates, the warnings.

    `ignored` are, for each of `losses`, the places of those that were ignored.
    """
    low, high = _limits(found.smoothed, losses, ignored)
    x = Axis("learning rate", log=True, ends=(learning_rates[0], learning_rates[-1]))
    layers = [
        *_rates(found),
        *_curves(learning_rates, losses, found.smoothed),
        *_answers(suggestions, learning_rates, found.smoothed),
        *_ignored(learning_rates, losses, ignored, (low, high)),
        *_warnings(found, learning_rates, high - 0.02 * (high - low)),
    ]
    advice = words.range_test_says(found.recommended) if found.signal else say.nothing()
    said = paragraph([found.reason, advice, *found.warnings])
    return Picture(title, [Panel(x, Axis("training loss", ends=(low, high)), layers)], said)


def _rates(found: Findings) -> list[Layer]:
    """The usable rates, the recommended one, and where it diverges, each where it is known."""
    layers: list[Layer] = []
    if found.bounds is not None:
        layers.append(Span("answer", *found.bounds, label=words.rates("usable", *found.bounds)))
    if found.recommended is not None:
        layers.append(Rule("answer", found.recommended, label=words.rates("recommended", found.recommended)))
    if found.diverged_at is not None:
        label = words.rates("diverges at", found.diverged_at)
        layers.append(Rule("edge", found.diverged_at, label=label, dash="dashed"))
    return layers


def _curves(rates: Rates, losses: Sequence[Sequence[float]], smoothed: Sequence[float]) -> list[Layer]:
    layers: list[Layer] = []
    for index, curve in enumerate(losses):
        x, y = _thinned(rates, curve)
        label = "losses, one line a seed" if index == 0 else ""
        layers.append(Line("plain", x, y, label=label, width=0.8, told=words.seed(index + 1)))
    x, y = _thinned(rates, smoothed)
    return [*layers, Line("fit", x, y, label="smoothed", width=2.2, told="smoothed")]


def _thinned(rates: Rates, values: Sequence[float]) -> tuple[list[float], list[float]]:
    kept = thin(np.array(values, dtype=float), MOST_POINTS)
    return [rates[index] for index in kept], [float(values[index]) for index in kept]


def _answers(suggestions: Mapping[str, float | None], rates: Rates, smoothed: Sequence[float]) -> list[Layer]:
    layers: list[Layer] = []
    for rule, (role, shape) in _RULES.items():
        answer = suggestions.get(rule)
        if answer is not None and smoothed:
            label = f"{rule.replace('_', ' ')} {rate(answer)}"
            height = _height(answer, rates, smoothed)
            layers.append(Points(role, [answer], [height], label, [label], shape=shape))
    return layers


def _ignored(
    rates: Rates, losses: Sequence[Sequence[float]], ignored: Sequence[Sequence[int]], limits: tuple[float, float]
) -> list[Layer]:
    """A cross at each loss that was ignored, at the edge of the picture where it lies beyond."""
    found = [(rates[at], curve[at]) for curve, places in zip(losses, ignored, strict=False) for at in places]
    if not found:
        return []
    edge = 0.01 * (limits[1] - limits[0])
    low, high = limits[0] + edge, limits[1] - edge
    heights = [high if math.isnan(loss) else min(max(loss, low), high) for _, loss in found]
    texts = [words.ignored(at, loss) for at, loss in found]
    return [Points("ignored", [at for at, _ in found], heights, f"ignored ({len(found)})", texts)]


def _warnings(found: Findings, rates: Rates, top: float) -> list[Layer]:
    notes = [*found.warnings, *([] if found.signal else [say.nothing()])]
    middle = math.sqrt(rates[0] * rates[-1])
    return [Note("\n".join(notes), middle, top, role="edge", below=True)] if notes else []


def _height(answer: float, rates: Rates, smoothed: Sequence[float]) -> float:
    """The smoothed curve at a rate, between two of its points; its end past it."""
    known = zip(pairwise(rates), pairwise(smoothed), strict=False)
    for (left, right), (before, after) in known:
        if left <= answer <= right:
            return before + math.log(answer / left) / math.log(right / left) * (after - before)
    return smoothed[0] if answer < rates[0] else smoothed[-1]


def _limits(
    smoothed: Sequence[float], losses: Sequence[Sequence[float]], ignored: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """All of the curves but the blow-up at the end: up to the highest loss of their first halves."""
    out = [set(places) for places in ignored] or [set[int]()] * len(losses)
    kept = [[loss for at, loss in enumerate(curve) if at not in left] for curve, left in zip(losses, out, strict=True)]
    finite = [loss for curve in kept for loss in curve if abs(loss) < LARGEST]
    start = [loss for curve in kept for loss in curve[: max(1, len(curve) // 2)] if abs(loss) < LARGEST]
    even = [loss for loss in smoothed if abs(loss) < LARGEST]
    low, top = min([*finite, *even], default=0.0), max([*start, *even[:1]], default=1.0)
    room = 0.06 * (top - low) or 0.1 * abs(top) or 1.0
    return low - room, top + 3 * room
