"""Grids: which points there are, and which of them a study has yet to try."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import Any

import numpy as np

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.state.space.params import without_rounding
from lrtune.service.wire import methods
from lrtune.service.wire.search_space import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    is_active,
    sampling_order,
)
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.values import count_of, nearest_value, value_at

MAX_POINTS = 100_000

_MOST_LOOKED_AT = 2_000
"""Points among which one is looked for that fits what is fixed, some milliseconds."""

SearchSpace = Mapping[str, Parameter]
Point = tuple[Any, ...]
"""A value for each parameter, ABSENT where the parameter does not exist beside the others."""

ABSENT = object()


class Grid:
    """The points that a search space has on a grid, in the order they are tried in.

    `points` values are taken of a float without step, and at most so many of an int; None: all there are. Raises
    ValueError where there are more than `most`, or where conditions tie more than `MAX_POINTS` together: these alone
    are listed.
    """

    def __init__(self, search_space: SearchSpace, points: int | None, seed: int, most: int | None = MAX_POINTS) -> None:
        self._search_space = search_space
        counts = {name: count_values(parameter, points) for name, parameter in search_space.items()}
        size = max(*counts.values(), math.prod(counts[name] for name in search_space if not search_space[name].when))
        if most is not None and size > most:
            raise ValueError(f"has at least {size} points, the most is {most}")
        # What conditions tie together comes first, and each of its combinations goes with each of the rest.
        tied = {name for name, parameter in search_space.items() if parameter.when}
        tied.update(parent for parameter in search_space.values() for parent in parameter.when or {})
        tree = [name for name in sampling_order(search_space) if name in tied]
        rest = [name for name in search_space if name not in tied]
        self.names: Sequence[str] = (*tree, *rest)
        others = 1 if most is None else math.prod(counts[name] for name in rest)
        self._heads = _combinations(search_space, tree, points, MAX_POINTS // others)
        self._tails = [_values(search_space[name], points) for name in rest]
        self.size = len(self._heads) * math.prod(len(values) for values in self._tails)
        self._order = _order(self.size, seed)

    def __getitem__(self, index: int) -> Point:
        """The point to try as number `index`, from 0 to `size` - 1."""
        index, head = divmod(self._order(index), len(self._heads))
        point = list(self._heads[head])
        for values in self._tails:
            index, place = divmod(index, len(values))
            point.append(values[place])
        return tuple(point)

    def point_of(self, params: Mapping[str, Any]) -> Point:
        """The parameters as a point, on the grid or not."""
        return tuple(
            without_rounding(self._search_space[name], params[name]) if name in params else ABSENT
            for name in self.names
        )


def _order(size: int, seed: int) -> Callable[[int], int]:
    """A permutation of so many places. A large one is not listed: it goes round in steps of the golden section."""
    if size <= MAX_POINTS:
        listed = np.random.default_rng(seed).permutation(size)
        return lambda index: int(listed[index])
    first, step = Random(seed).randrange(size), size * 618_033_988_749 // 10**12
    while math.gcd(step, size) != 1:
        step += 1
    return lambda index: (first + index * step) % size


class _AllValues(Sequence[Any]):
    """All values of a number with a step, not listed."""

    def __init__(self, parameter: IntParameter | FloatParameter) -> None:
        self._parameter, self._count = parameter, count_values(parameter, None)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return value_at(self._parameter, index)


def _values(parameter: Parameter, points: int | None) -> Sequence[Any]:
    if points is None and not isinstance(parameter, CategoricalParameter):
        return _AllValues(parameter)
    return values_of(parameter, points)


def _combinations(search_space: SearchSpace, names: Sequence[str], points: int | None, most: int) -> list[Point]:
    """The values that the named parameters may have together; parents stand before children."""
    found: list[Point] = [()]
    for place, name in enumerate(names):
        values = values_of(search_space[name], points)
        grown: list[Point] = []
        for point in found:
            exists = is_active(search_space[name], dict(zip(names[:place], point, strict=True)))
            grown += [(*point, value) for value in (values if exists else (ABSENT,))]
            if len(grown) > most:
                raise ValueError(f"has more than {MAX_POINTS} points")
        found = grown
    return found


def grid_of(spec: StudySpec) -> Grid:
    """The points that a grid or bruteforce sampler walks through. Raises ValueError where there are too many."""
    sampler = spec.sampler
    if isinstance(sampler, methods.GridSampler):
        return Grid(spec.search_space, sampler.points, sampler.seed)
    return Grid(spec.search_space, None, sampler.seed, most=None)


class GridWalk:
    """Which points a study has yet to try. Derived from its mirror, and kept with it; used under the engine's lock.

    A point counts as tried once a trial has it, whatever became of the trial and whoever made it. An ask costs the
    same at the end of a long walk as at its beginning.
    """

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._tried: set[Point] = set()
        self._looked = 0
        """How many trials of the study were looked at."""
        self._open: list[TrialMirror] = []
        """Those of them whose parameters are not all there yet."""
        self._next = 0
        """All points before this one were tried."""

    def next_point(self, study: StudyMirror, fixed: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of the next point; empty where all were tried. With some `fixed`, one that fits them, if any
        is left among the next."""
        self._look(study)
        left = self._left()
        first = next(left, None)
        if first is None:
            return {}
        self._next, point = first
        if fixed and not self._fits(point, fixed):
            near = islice(left, _MOST_LOOKED_AT)
            point = next((other for _, other in near if self._fits(other, fixed)), point)
        return {name: value for name, value in zip(self._grid.names, point, strict=True) if value is not ABSENT}

    def _look(self, study: StudyMirror) -> None:
        unsure = [*self._open, *study.trials[self._looked :]]
        self._looked = len(study.trials)
        self._open = []
        for trial in unsure:
            self._tried.add(self._grid.point_of(trial.params))
            leased = trial.work is not None and trial.work.leases > 0
            grows = not leased or not trial.params  # Optuna scripts add the parameters one by one.
            if grows and not trial.state.is_finished():
                self._open.append(trial)

    def _left(self) -> Iterator[tuple[int, Point]]:
        """The points not tried yet, with their places."""
        for index in itertools.count(self._next):
            if index >= self._grid.size:
                return
            point = self._grid[index]
            if point not in self._tried:
                yield index, point

    def _fits(self, point: Point, fixed: Mapping[str, Any]) -> bool:
        return all(fixed.get(name, value) == value for name, value in zip(self._grid.names, point, strict=True))


def count_values(parameter: Parameter, points: int | None) -> int:
    """How many of the parameter's values are on the grid, without listing them. A float needs `points` or a step."""
    if isinstance(parameter, CategoricalParameter):
        return len(parameter.choices)
    count = count_of(parameter)
    if isinstance(parameter, FloatParameter) and count is not None:
        return count
    if count is None and points is None:
        raise ValueError("needs a step")
    return min(count for count in (count, points) if count is not None)


def values_of(parameter: Parameter, points: int | None) -> list[Any]:
    """The parameter's values on the grid, ascending: evenly spread, on a log scale where the parameter has one."""
    if isinstance(parameter, CategoricalParameter):
        return list(parameter.choices)
    count, all_values = count_values(parameter, points), count_of(parameter)
    if count == all_values:
        return [value_at(parameter, index) for index in range(count)]
    spread = np.geomspace if parameter.log else np.linspace
    places = [parameter.low, *spread(parameter.low, parameter.high, count)[1:-1].tolist(), parameter.high]
    return sorted({nearest_value(parameter, place) for place in places})
