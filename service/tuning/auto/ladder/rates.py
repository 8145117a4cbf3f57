"""Which rate a training of the ladder tries next."""

import math
from dataclasses import dataclass

import numpy as np

from lrtune.service.tuning.auto.evidence import Bools, Floats
from lrtune.service.tuning.auto.ladder.model import Outcomes, Scale, fit

STEP = 0.25
"""Decades between neighbouring rates: closer ones differ less than seeds do."""

DOWN_WHERE_ALL_DIVERGE = 0.5
"""Decades."""

_FEWEST_STEPS = 8
"""Bounds that hold fewer steps than this are divided more finely."""

_UP = 0.125
"""Decades for 3 × the length, the median shift: short trainings begin so far above the centre, that of full ones."""

_SPREAD_STEPS = 3
"""The first short trainings are a third of the centre's spread apart, at least `STEP`."""

_CURIOSITY = 0.3
"""Standard deviations that what is unknown counts for, where the last of the shortest trainings are placed."""

_EDGE_FALLS = 0.25
"""Decades that the largest stable rate falls for 3 × the length: it fell by 0 to .5, with a median of .25."""


@dataclass(frozen=True)
class Centre:
    """Where the best rate of a full training is expected, and how far off it may be, in decades."""

    learning_rate: float
    decades: float = 0.5


def lattice(low: float, high: float) -> Floats:
    """The rates that are tried, as log10, rising: whole steps within the bounds, so that lengths share their rates."""
    bottom, top, step = math.log10(low), math.log10(high), STEP
    if top <= bottom:
        return np.array([bottom])
    while (top - bottom) / step < _FEWEST_STEPS:
        step /= 2
    first, last = math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9)
    return np.arange(first, last + 1, dtype=np.float64) * step


def _tried(seen: Outcomes, grid: Floats, level: float) -> Bools:
    """Which rates of the grid were trained at a length, or nearly, shape (m,)."""
    half = np.diff(grid).min(initial=STEP) / 2
    tried: Bools = (np.abs(grid[:, None] - seen.x[seen.at(level)]) < half - 1e-9).any(axis=1)
    return tried


def stable(seen: Outcomes, x: Floats, level: float) -> Bools:
    """Which rates lie below what diverged at this length or a shorter one, and below where that edge falls by then,
    shape (m,)."""
    shorter = seen.diverged & (seen.level <= level + 1e-9)
    edges = seen.x[shorter] - _EDGE_FALLS * (level - seen.level[shorter])
    below: Bools = x < edges.min(initial=np.inf) - 1e-9
    return below


def spread(seen: Outcomes, grid: Floats, level: float, many: int, centre: Centre | None) -> tuple[float | None, str]:
    """The free rate nearest to the next of `many` places around the centre, the middle first; without one, over all."""
    if centre is None:
        places, told = np.linspace(grid[0], grid[-1], many + 2)[1:-1], "spread over the bounds, for want of a centre"
    else:
        apart = max(STEP, centre.decades / _SPREAD_STEPS)
        middle = min(max(math.log10(centre.learning_rate) - _UP * level, float(grid[0])), float(grid[-1]))
        places = middle + apart * (np.arange(many) - (many - 1) / 2)
        told = f"around {centre.learning_rate:.2g}, a little up since short trainings like higher rates"
    free = grid[~_tried(seen, grid, level) & stable(seen, grid, level)]
    if not len(free):
        return None, ""
    order = np.argsort(np.abs(places - places.mean()).round(9), kind="stable")
    place = places[order][int(seen.at(level).sum()) % many]
    return float(free[np.argmin(np.abs(free - place).round(9))]), told


def chosen(seen: Outcomes, grid: Floats, level: float, *, filling: bool) -> tuple[float | None, str]:
    """The free rate that the results speak for. `filling`: the last of the shortest trainings, beyond
    what was tried where the best is at the edge of that."""
    free = grid[~_tried(seen, grid, level) & stable(seen, grid, level)]
    if not len(free):
        return None, ""
    if not seen.finished.any():
        lower = free[free <= seen.x.min() - DOWN_WHERE_ALL_DIVERGE + 1e-9]
        return float(lower.max() if len(lower) else free.min()), "every training diverged so far: lower"
    here = seen.at(level) & seen.finished
    if filling and here.any():
        best = seen.x[here][np.argmin(seen.loss[here])]
        for edge, side in ((seen.x[here].min(), -1), (seen.x[here].max(), 1)):
            beyond = free[np.isclose(free, best + side * STEP, atol=STEP / 4)]
            if best == edge and len(beyond):
                return float(beyond[0]), "the best so far is at the edge of what was tried"
    model = fit(seen, Scale.of(seen))
    mean, sd = model.predict(free, level)
    told = "the least loss by all trainings so far"
    if not filling:
        told += f", moved down {model.shift:.2g} decades for 3 × the length"
    return float(free[np.argmin(mean - (_CURIOSITY * sd if filling else 0.0))]), told
