"""Which trials are in one panel: those of one choice of what matters most, the optimizer say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lrtune.service.wire.responses import ResponsePoint

Floats = NDArray[np.float64]

MOST_PANELS = 4


@dataclass(frozen=True)
class Choice:
    """Points of one choice, or of all; `title` is empty where there is but one panel."""

    title: str
    points: tuple[ResponsePoint, ...]
    suggested: bool
    """Whether the fit, the interval and the boundary are of this choice."""
    choice: str | None = None
    """Which it is; None for several together."""


def choices(points: Sequence[ResponsePoint], by: str | None, suggested: Mapping[str, object]) -> list[Choice]:
    """The suggested choice first, then the others by name; of more than `MOST_PANELS` choices the others together.
    Trials in which the parameter is not there are with the others."""
    if by is None:
        return [Choice("", tuple(points), suggested=True)]
    answer = suggested.get(by)
    chosen = sorted({str(point.categories[by]) for point in points if by in point.categories})
    own = [choice for choice in chosen if choice == str(answer)]
    others = [choice for choice in chosen if choice != str(answer)]
    single = others if len(chosen) <= MOST_PANELS else []
    found = [
        Choice(f"{by}={choice}", tuple(p for p in points if str(p.categories.get(by)) == choice), choice in own, choice)
        for choice in [*own, *single]
    ]
    told = {*own, *single}
    rest = tuple(p for p in points if by not in p.categories or str(p.categories[by]) not in told)
    return [*found, Choice(f"other {by}" if found else by, rest, suggested=False)] if rest else found


def by_importance(points: Sequence[ResponsePoint]) -> list[str]:
    """The parameters of which more than one choice was tried, the one first that tells most of the loss: with whose
    choice trials rank as their neighbours in rate do, the trial itself left out."""
    names = sorted({name for point in points for name in point.categories})
    several = [name for name in names if len({str(point.categories.get(name)) for point in points}) > 1]
    complete = [point for point in points if point.state == "complete" and point.value is not None]
    places = np.log([point.learning_rate for point in complete])
    ranks = np.argsort(np.argsort([float(point.value or 0.0) for point in complete], kind="stable"), kind="stable")
    return sorted(several, key=lambda name: _error(complete, places, ranks.astype(float), name))


def _error(complete: Sequence[ResponsePoint], places: Floats, ranks: Floats, name: str) -> float:
    """The mean distance of a trial's rank from the mean rank of the nearest two of its choice; from the middle of all
    where it is alone."""
    choices = np.array([str(point.categories.get(name)) for point in complete])
    errors = []
    for index in range(len(complete)):
        same = np.flatnonzero((choices == choices[index]) & (np.arange(len(complete)) != index))
        near = same[np.argsort(np.abs(places[same] - places[index]), kind="stable")[:2]]
        guess = float(ranks[near].mean()) if len(near) else (len(complete) - 1) / 2
        errors.append(abs(float(ranks[index]) - guess))
    return float(np.mean(errors)) if errors else 0.0
