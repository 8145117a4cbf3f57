"""The problems of all suites by name: tables of real trainings, and bowls."""

from pathlib import Path

from tests.benchmarks.search.bowls import BOWLS, bowl, bowls
from tests.benchmarks.search.simulation import Problem
from tests.benchmarks.search.suites import SUITES, kept_aside, read_suite, read_task, thinned

ALL_SUITES = (*SUITES, *BOWLS)


def problems_of(data: Path, suite: str, which: str = "all") -> list[Problem]:
    """The problems of a suite, by name. `which`: "all", "kept" (every third, for judging) or "dev" (the others).

    Raises BenchError where the folder has no such suite; bowls need none.
    """
    if suite not in BOWLS:
        return list(read_suite(data, suite, which))
    found = bowls(suite)
    kept = {one.name for one in kept_aside(found)}
    return [one for one in found if which == "all" or (one.name in kept) == (which == "kept")]


def problem(data: Path, suite: str, name: str, share: float = 1.0, seed: int = 0) -> Problem:
    """One problem; of a table, a share of its configurations, drawn by the seed. Raises BenchError where its file lacks
    an array."""
    if suite in BOWLS:
        return bowl(suite, name)
    task = read_task(data / suite / f"{name}.npz", suite)
    return task if share == 1 else thinned(task, share, seed)
