"""The problems of all suites by name: tables of real trainings, and bowls."""

from pathlib import Path

from tests.benchmarks.search.bowls import BOWLS, bowl, bowls
from tests.benchmarks.search.simulation import Problem
from tests.benchmarks.search.suites import SUITES, kept_aside, read_suite, read_task

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


def problem(data: Path, suite: str, name: str) -> Problem:
    """One problem. Raises BenchError where its file lacks an array."""
    return bowl(suite, name) if suite in BOWLS else read_task(data / suite / f"{name}.npz", suite)
