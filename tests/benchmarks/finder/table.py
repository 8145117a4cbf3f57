"""How good the answers of range tests are, against the losses of whole trainings over a grid of rates."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np

from lrtune.service.rates.range_test.analysis import RULES, RangeTestAnalysis, analyse, combine

FIXED = {"fixed 1e-2": 1e-2, "fixed 1e-3": 1e-3}
WITHIN = (1.1, 2.0)
WORSE = 10.0


@dataclass(frozen=True)
class Grid:
    """Whole trainings of one task with one optimizer: rates, rising, and the final loss of each; inf: diverged."""

    name: str
    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def best_rate(self) -> float:
        """The rate of the lowest loss."""
        return self.learning_rates[min(range(len(self.losses)), key=self.losses.__getitem__)]

    def loss_at(self, rate: float) -> float:
        """The loss at any rate, linear in log rate between neighbours, inf where one of them diverged; past the ends
        the loss of the end."""
        logs = [math.log(r) for r in self.learning_rates]
        at = min(max(math.log(rate), logs[0]), logs[-1])
        right = next(i for i, log in enumerate(logs) if log >= at)
        if logs[right] == at:
            return self.losses[right]
        below, above = self.losses[right - 1], self.losses[right]
        if not (math.isfinite(below) and math.isfinite(above)):
            return math.inf
        share = (at - logs[right - 1]) / (logs[right] - logs[right - 1])
        return below + share * (above - below)


@dataclass(frozen=True)
class Cell:
    """A grid, and the range tests run on the same task with the same optimizer, one a seed."""

    grid: Grid
    tests: tuple[RangeTestAnalysis, ...]


@dataclass(frozen=True)
class Row:
    """How good a rule is. Shares are of all cells and seeds: where a rule does not answer, it counts as not within."""

    rule: str
    answered: float
    within: tuple[float, ...]
    """The share within each factor of `WITHIN` of the best loss."""
    worse: float
    """The share worse than `WORSE` times the best loss."""
    median_error: float
    """In decades of rate, where it answered."""
    seed_sd: float
    """The standard deviation over seeds in decades, mean over the cells."""


def table(cells: Sequence[Cell]) -> list[Row]:
    """A row for each rule, for the recommended rate of one seed and of all seeds together, and for fixed rates.

    Losses must be > 0: they are compared by their ratio.
    """
    if any(loss <= 0 for cell in cells for loss in cell.grid.losses):
        raise ValueError("final losses must be > 0, to be compared by their ratio")
    rules: dict[str, list[list[float | None]]] = {
        name: [[test.suggestions[name] for test in cell.tests] for cell in cells] for name in RULES
    }
    rules["recommended"] = [[test.recommended for test in cell.tests] for cell in cells]
    rules["recommended, seeds together"] = [[combine(cell.tests).recommended] for cell in cells]
    rules |= {name: [[rate] for _ in cells] for name, rate in FIXED.items()}
    rules["other tasks' median"] = [[rate] for rate in history(cells)]
    return [_row(name, cells, answers) for name, answers in rules.items()]


def history(cells: Sequence[Cell]) -> list[float | None]:
    """For each cell, the geometric median of the best rates of the same optimizer on the other tasks."""
    found: list[float | None] = []
    for cell in cells:
        optimizer = cell.grid.name.rpartition("/")[2]
        same = [other.grid for other in cells if other is not cell]
        others = [math.log(grid.best_rate) for grid in same if grid.name.rpartition("/")[2] == optimizer]
        found.append(math.exp(median(others)) if others else None)
    return found


def _row(name: str, cells: Sequence[Cell], answers: Sequence[Sequence[float | None]]) -> Row:
    ratios, errors, spreads, count = [], [], [], 0
    for cell, rates in zip(cells, answers, strict=True):
        found = [rate for rate in rates if rate is not None]
        best = min(cell.grid.losses)
        count += len(rates)
        ratios += [cell.grid.loss_at(rate) / best for rate in found]
        errors += [abs(math.log10(rate / cell.grid.best_rate)) for rate in found]
        if len(found) > 1:
            spreads.append(stdev(math.log10(rate) for rate in found))
    return Row(
        name,
        len(ratios) / count,
        tuple(sum(ratio <= factor for ratio in ratios) / count for factor in WITHIN),
        sum(ratio > WORSE for ratio in ratios) / count,
        median(errors) if errors else math.nan,
        mean(spreads) if spreads else 0.0,
    )


def held(cells: Sequence[Cell], decades: float = 1.0) -> float:
    """The share of range tests around whose recommended rate a rate lies, so many decades to each side and below the
    divergence, that is within the first factor of `WITHIN` of the best loss: what the suggestion's interval holds."""
    found = [_holds(cell, test, decades) for cell in cells for test in cell.tests if test.recommended is not None]
    return mean(found) if found else math.nan


def _holds(cell: Cell, test: RangeTestAnalysis, decades: float) -> bool:
    assert test.recommended is not None
    low, high = test.recommended * 10**-decades, test.recommended * 10**decades
    good = WITHIN[0] * min(cell.grid.losses)
    return any(
        low <= rate <= min(high, test.diverged_at or math.inf) and loss <= good
        for rate, loss in zip(cell.grid.learning_rates, cell.grid.losses, strict=True)
    )


@dataclass(frozen=True)
class Curves:
    """A grid, and the curves of the range tests run on it, as they were recorded."""

    grid: Grid
    learning_rates: list[float]
    losses: list[list[float]]
    """One for each seed, [seeds][steps]."""

    def cell(self) -> Cell:
        """What the range tests say."""
        return Cell(self.grid, tuple(analyse(self.learning_rates, losses) for losses in self.losses))


def read_curves(path: Path) -> Iterator[Curves]:
    """The curves of an .npz with `tasks`, `optimizers`, `learning_rates`, `final_loss` [task, optimizer, rate, budget,
    seed], `range_learning_rates` and `range_losses` [task, optimizer, seed, step]. Grids take the last budget, and the
    mean over seeds: a rate at which one seed diverged is no good one."""
    with np.load(path) as stored:
        arrays: Mapping[str, np.ndarray] = dict(stored)
    rates = tuple(arrays["learning_rates"].tolist())
    tested = arrays["range_learning_rates"].tolist()
    final = np.mean(arrays["final_loss"][:, :, :, -1, :].astype(float), axis=-1)
    for i, task in enumerate(arrays["tasks"]):
        for j, optimizer in enumerate(arrays["optimizers"]):
            grid = Grid(f"{task}/{optimizer}", rates, tuple(final[i, j].tolist()))
            yield Curves(grid, tested, arrays["range_losses"][i, j].tolist())


def read_cells(path: Path) -> Iterator[Cell]:
    """What the range tests of such a file say."""
    return (one.cell() for one in read_curves(path))
