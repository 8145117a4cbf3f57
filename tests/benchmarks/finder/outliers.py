"""What one outlier does to the answers of range tests, and what fewer steps do."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, stdev

from lrtune.service.rates.range_test.analysis import analyse
from tests.benchmarks.finder.table import WITHIN, WORSE, Curves

EVERY = (1, 2, 4)
"""Every step of the tests is taken, every second, every fourth."""

SIZES = (0.0, 1.0, 2.3, 10.0, 1000.0, -2.3, -10.0, -1000.0)
"""Of the outlier, in standard deviations of the first ten losses; 0: none."""

PLACES = ("any", "first three", "last three")
"""Of the outlier, of all steps up to where the test stops."""

MOVED = 2.0


@dataclass(frozen=True)
class OutlierRow:
    """How good the recommended rate is with one outlier in every test; shares of all tests and draws."""

    steps: int
    place: str
    size: float
    within: float
    """Within the last factor of `WITHIN` of the best loss."""
    worse: float
    """Worse than `WORSE` times the best loss."""
    moved: float
    """The share of answers moved by more than `MOVED` times, or that came or went."""


def outliers(curves: Sequence[Curves], *, draws: int = 2, seed: int = 0) -> list[OutlierRow]:
    """A row for every number of steps, place and size; `draws` places for each test."""
    found = []
    for every in EVERY:
        thinned = [_thinned(one, every) for one in curves]
        places = [(place, size) for place in PLACES for size in SIZES if place == PLACES[0] or abs(size) == 10.0]
        found += [_row(thinned, place, size, draws, random.Random(seed)) for place, size in places]
    return found


def _thinned(curves: Curves, every: int) -> Curves:
    steps = slice(every // 2, None, every)
    return Curves(curves.grid, curves.learning_rates[steps], [losses[steps] for losses in curves.losses])


def _row(curves: Sequence[Curves], place: str, size: float, draws: int, random_: random.Random) -> OutlierRow:
    ratios, moved = [], 0
    for one in curves:
        best = min(one.grid.losses)
        for losses in one.losses:
            clean = analyse(one.learning_rates, losses)
            for _ in range(draws if size else 1):
                at = _place(place, len(clean.smoothed), random_)
                outlier = size * _spread(losses)
                rate = analyse(
                    one.learning_rates, [loss + outlier * (step == at) for step, loss in enumerate(losses)]
                ).recommended
                ratios.append(math.inf if rate is None else one.grid.loss_at(rate) / best)
                moved += not _alike(rate, clean.recommended)
    count = len(ratios)
    return OutlierRow(
        len(curves[0].learning_rates),
        place,
        size,
        sum(ratio <= WITHIN[-1] for ratio in ratios) / count,
        sum(ratio > WORSE for ratio in ratios) / count,
        moved / count,
    )


def _place(place: str, steps: int, random_: random.Random) -> int:
    first, end = {"any": (0, steps), "first three": (0, 3), "last three": (max(steps - 3, 0), steps)}[place]
    return random_.randrange(first, max(end, first + 1))


def _spread(losses: Sequence[float]) -> float:
    """Of the first ten; where they are alike, a thousandth of their level."""
    first = [loss for loss in losses[:10] if math.isfinite(loss)]
    return max(stdev(first), 1e-3 * abs(median(first)))


def _alike(rate: float | None, other: float | None) -> bool:
    if rate is None or other is None:
        return rate is other
    return abs(math.log(rate / other)) <= math.log(MOVED)
