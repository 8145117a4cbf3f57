"""`bench search --real`: what methods cost and find on real trainings."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.real_tables import Table, chosen, plan_of, read_tables, train_tables

if TYPE_CHECKING:
    from tests.benchmarks.search.real_methods import Found, Method

WITHIN = (1.1, 2.0)


@dataclass(frozen=True)
class RealComparison:
    """What is compared: trainings in `data`, or on the built-in tasks, kept in the file `results`."""

    data: Path | None = None
    methods: tuple[str, ...] = ()
    """None given: all."""
    tasks: str = "all"
    seeds: int = 3
    quick: bool = False
    workers: int = 2
    results: Path | None = None
    only: tuple[str, ...] = ()
    """Of the built-in tasks, only these; none given: all."""


@dataclass(frozen=True)
class RealRow:
    """A method over all cells (a task with an optimizer), each with so many seeds. `cost` is in full trainings.

    `within`: the share of answers whose mean loss is within each factor of `WITHIN` of the best of the grid, and its
    standard error over cells. `median` and `worst`: the multiple of the best loss; no answer counts as inf.
    """

    method: str
    cells: int
    seeds: int
    cost: float
    most: float
    within: tuple[float, ...]
    within_error: tuple[float, ...]
    median: float
    worst: float
    covered: float | None = None
    """The share of intervals that hold the best rate of the grid; None for a method that gives none."""
    decades: float | None = None
    """The mean width of the intervals."""


def compare_real(comparison: RealComparison, say: Callable[[str], None]) -> list[RealRow]:
    """A row a method. Raises BenchError where a name or the data is wrong."""
    from tests.benchmarks.search.real_methods import METHODS

    for name in comparison.methods:
        if name not in METHODS:
            raise BenchError(f"there is no method {name!r}: use one of {', '.join(METHODS)}")
    if comparison.data is not None:
        tables = read_tables(comparison.data)
    else:
        tables = train_tables(plan_of(comparison.only, comparison.quick), comparison.workers, comparison.results, say)
    tables = chosen(tables, comparison.tasks)
    if not tables:
        raise BenchError("fewer than three tasks: none is kept aside, leave --tasks out")
    if any((table.losses <= 0).any() for table in tables):
        raise BenchError("final losses must be > 0, to be compared by their ratio")
    names = comparison.methods or tuple(METHODS)
    return [_row(name, tables, _results(tables, METHODS[name], comparison.seeds)) for name in names]


def as_json(rows: Sequence[RealRow], comparison: RealComparison) -> dict[str, Any]:
    """The comparison for programs."""
    return {"tasks": comparison.tasks, "within": WITHIN, "rows": [asdict(row) for row in rows]}


def _results(tables: Sequence[Table], method: "Method", seeds: int) -> "list[list[Found]]":
    """By table, then by seed."""
    return [[method(table, seed) for seed in range(seeds)] for table in tables]


def _row(name: str, tables: Sequence[Table], found: "list[list[Found]]") -> RealRow:
    rates = [(table, one.learning_rate) for table, row in zip(tables, found, strict=True) for one in row]
    over = np.array([np.inf if rate is None else table.over_best(rate) for table, rate in rates])
    over = over.reshape(len(tables), -1)
    costs = np.array([one.cost for row in found for one in row])
    covered, decades = _coverage(tables, found)
    shares = [(over <= factor + 1e-9).mean(axis=1) for factor in WITHIN]
    error = [float(s.std(ddof=1) / np.sqrt(len(s))) if len(s) > 1 else float("nan") for s in shares]
    return RealRow(
        method=name,
        cells=over.shape[0],
        seeds=over.shape[1],
        cost=float(costs.mean()),
        most=float(costs.max()),
        within=tuple(float(share.mean()) for share in shares),
        within_error=tuple(error),
        median=float(np.median(over)),
        worst=float(over.max()),
        covered=covered,
        decades=decades,
    )


def _coverage(tables: Sequence[Table], found: "list[list[Found]]") -> tuple[float | None, float | None]:
    """How often the best rate of the grid lies in the interval, and how wide that is in decades."""
    pairs = [(table.best_rate, one.interval) for table, row in zip(tables, found, strict=True) for one in row]
    known = [(best, *interval) for best, interval in pairs if interval is not None]
    if not known:
        return None, None
    best, low, high = np.array(known).T
    covered = (low * (1 - 1e-9) <= best) & (best <= high * (1 + 1e-9))
    return float(covered.mean()), float(np.log10(high / low).mean())
