"""Mean regret by suite and method, with standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.benchmarks.search.results import MARKS, Result


@dataclass(frozen=True)
class Row:
    """A method on a suite: mean regret at each mark and its standard error, of the best loss seen and of the
    recommended configuration. The error is over tasks, seeds averaged: tasks are what differs."""

    suite: str
    method: str
    tasks: int
    seeds: int
    seen: tuple[float, ...]
    seen_error: tuple[float, ...]
    suggested: tuple[float, ...]
    suggested_error: tuple[float, ...]


def rows(results: Sequence[Result]) -> list[Row]:
    """One row a suite and method, in the order of the results."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.suite, result.method), []).append(result)
    return [_row(suite, method, found) for (suite, method), found in groups.items()]


def _row(suite: str, method: str, found: Sequence[Result]) -> Row:
    by_task: dict[str, list[Result]] = {}
    for result in found:
        by_task.setdefault(result.task, []).append(result)
    seen, seen_error = _mean([[r.seen for r in group] for group in by_task.values()])
    suggested, suggested_error = _mean([[r.suggested for r in group] for group in by_task.values()])
    seeds = max(len(group) for group in by_task.values())
    return Row(suite, method, len(by_task), seeds, seen, seen_error, suggested, suggested_error)


def _mean(by_task: Sequence[Sequence[Sequence[float]]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    means = np.array([np.mean(seeds, axis=0) for seeds in by_task])
    if len(means) < 2:
        return _floats(means[0]), tuple(float("nan") for _ in means[0])
    return _floats(means.mean(axis=0)), _floats(means.std(axis=0, ddof=1) / np.sqrt(len(means)))


def _floats(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def heads(trainings: int) -> list[str]:
    """The columns' heads."""
    return [f"after {mark}" for mark in MARKS if mark <= trainings]
