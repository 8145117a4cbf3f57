"""What `bench search` does."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.plot import draw
from tests.benchmarks.search.problems import ALL_SUITES, problems_of
from tests.benchmarks.search.results import MARKS, Job, collect
from tests.benchmarks.search.suites import SUITES
from tests.benchmarks.search.tables import Row, rows

PRIORBAND = "priorband"
METHODS = (
    "random",
    "tpe",
    "gp",
    "cmaes",
    "tpe-hyperband",
    "tpe-sha",
    "tpe-percentile",
    "keep-top",
    "asha-promotion",
    PRIORBAND,
    "auto",
    "auto-whole",
    "auto-prior",
    "auto-pausing",
    "auto-pausing-prior",
)


def available() -> tuple[str, ...]:
    """The methods that can be run with what is installed."""
    return tuple(name for name in METHODS if name != PRIORBAND or find_spec("neps") is not None)


@dataclass(frozen=True)
class Comparison:
    """What is compared: `tasks` is "all", "dev" or "kept"; results are kept in `folder`."""

    data: Path
    folder: Path
    suites: tuple[str, ...] = SUITES
    methods: tuple[str, ...] = METHODS
    tasks: str = "all"
    seeds: int = 10
    first_seed: int = 0
    share: float = 1.0
    """Of a task's configurations, at random for each seed."""
    trainings: int = 25
    processes: int = 2
    plot: Path | None = None


def compare(comparison: Comparison, say: Callable[[str], None]) -> list[Row]:
    """Run what is missing and average. Raises BenchError where a name or the data is wrong."""
    _check("suite", comparison.suites, ALL_SUITES)
    _check("method", comparison.methods, METHODS)
    found = collect(_jobs(comparison), comparison.folder, comparison.processes, say)
    table = rows(found)
    if comparison.plot is not None:
        draw(table, comparison.plot)
        say(f"the plot is in {comparison.plot}")
    return table


def as_json(table: Sequence[Row], comparison: Comparison) -> dict[str, Any]:
    """The comparison for programs."""
    marks = [mark for mark in MARKS if mark <= comparison.trainings]
    return {"tasks": comparison.tasks, "marks": marks, "rows": [asdict(row) for row in table]}


def _jobs(comparison: Comparison) -> list[Job]:
    return [
        Job(str(comparison.data), suite, task.name, name, seed, comparison.trainings, comparison.share)
        for suite in comparison.suites
        for name in comparison.methods
        for task in problems_of(comparison.data, suite, comparison.tasks)
        for seed in range(comparison.first_seed, comparison.first_seed + comparison.seeds)
    ]


def _check(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise BenchError(f"there is no {what} {name!r}: use one of {', '.join(known)}")
