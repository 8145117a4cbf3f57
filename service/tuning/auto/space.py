"""Optuna's search spaces as unit cubes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.wire.learning_rates import best_name, named_so
from lrtune.service.wire.values import nearest_value


@dataclass(frozen=True)
class _Axis:
    """One parameter: its columns in the cube, and for a number its bounds, on a log scale where it has one."""

    name: str
    distribution: BaseDistribution
    first: int
    width: int
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None

    def encode(self, value: Any) -> list[float]:
        if isinstance(self.distribution, CategoricalDistribution):
            chosen = self.distribution.to_internal_repr(value)
            return [float(index == chosen) for index in range(self.width)]
        if self.high <= self.low:
            return [0.5]
        shown = math.log(value) if self.log else float(value)
        return [min(max((shown - self.low) / (self.high - self.low), 0.0), 1.0)]

    def encode_all(self, many: Sequence[Mapping[str, Any]]) -> Floats:
        """Of n trials' parameters, shape (n, width)."""
        if isinstance(self.distribution, CategoricalDistribution):
            rows = np.full((len(many), self.width), 0.5 if self.width == 1 else 1 / self.width)
            for row, params in enumerate(many):
                if self.name in params:
                    rows[row] = 0.0
                    rows[row, int(self.distribution.to_internal_repr(params[self.name]))] = 1.0
            return rows
        if self.high <= self.low:
            return np.full((len(many), 1), 0.5)
        values = np.array([params.get(self.name, np.nan) for params in many], dtype=float)
        shown = np.log(values) if self.log else values
        places = np.clip((shown - self.low) / (self.high - self.low), 0.0, 1.0)
        found: Floats = np.where(np.isnan(values), 0.5, places)[:, None]
        return found

    def decode(self, row: Floats) -> Any:
        if isinstance(self.distribution, CategoricalDistribution):
            return self.distribution.choices[int(np.argmax(row[self.first : self.first + self.width]))]
        assert isinstance(self.distribution, FloatDistribution | IntDistribution)
        shown = self.low + float(row[self.first]) * (self.high - self.low)
        return nearest_value(self.distribution, math.exp(shown) if self.log else shown)


class Space:
    """Numbers take one column (log where they are), categorical parameters one for each choice.

    A parameter that a trial does not have (a condition did not hold) stands in the middle of its columns. `rate` names
    the main learning rate; without it, or where it is not among them, names say which one is.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], rate: str | None = None) -> None:
        self.axes: list[_Axis] = []
        columns = 0
        for name, distribution in sorted(distributions.items()):
            axis = _axis(name, distribution, columns)
            self.axes.append(axis)
            columns += axis.width
        self.columns = columns
        self.blocks = [(a.first, a.width) for a in self.axes if isinstance(a.distribution, CategoricalDistribution)]
        logarithmic = {axis.name: axis.first for axis in self.axes if axis.log}
        main = rate if rate in distributions else best_name(filter(named_so, logarithmic))
        self.rate_index = None if main is None else logarithmic.get(main)
        """The column of the main learning rate; None where there is none on a log scale."""

    def encode_all(self, many: Sequence[Mapping[str, Any]]) -> Floats:
        """`encode` of each, shape (n, columns); by columns, which costs a fraction."""
        rows = np.empty((len(many), self.columns))
        for axis in self.axes:
            rows[:, axis.first : axis.first + axis.width] = axis.encode_all(many)
        return rows

    def encode(self, params: Mapping[str, Any]) -> Floats:
        """Parameters as a row, shape (columns,)."""
        row: list[float] = []
        for axis in self.axes:
            absent = [0.5] if axis.width == 1 else [1 / axis.width] * axis.width
            row += axis.encode(params[axis.name]) if axis.name in params else absent
        return np.array(row)

    def decode(self, row: Floats) -> dict[str, Any]:
        """A row as parameters, on their steps and within their bounds."""
        return {axis.name: axis.decode(row) for axis in self.axes}

    def snap(self, points: Floats) -> Floats:
        """Points (m, columns) moved to where parameters can be: choices to corners, whole numbers to steps."""
        snapped = points.copy()
        for axis in self.axes:
            if isinstance(axis.distribution, CategoricalDistribution):
                block = snapped[:, axis.first : axis.first + axis.width]
                snapped[:, axis.first : axis.first + axis.width] = np.eye(axis.width)[block.argmax(axis=1)]
            elif axis.step is not None and axis.high > axis.low:
                snapped[:, axis.first] = _on_steps(axis, snapped[:, axis.first])
        return snapped


def _axis(name: str, distribution: BaseDistribution, first: int) -> _Axis:
    if isinstance(distribution, CategoricalDistribution):
        return _Axis(name, distribution, first, len(distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, log = float(distribution.low), float(distribution.high), bool(distribution.log)
    step = None if distribution.step is None else float(distribution.step)
    return _Axis(name, distribution, first, 1, _shown(low, log), _shown(high, log), log, step)


def _shown(value: float, log: bool) -> float:
    return math.log(value) if log else value


def _on_steps(axis: _Axis, column: Floats) -> Floats:
    assert axis.step is not None
    shown = axis.low + column * (axis.high - axis.low)
    values = np.exp(shown) if axis.log else shown
    low, high = (math.exp(axis.low), math.exp(axis.high)) if axis.log else (axis.low, axis.high)
    values = np.clip(low + np.round((values - low) / axis.step) * axis.step, low, high)
    moved: Floats = ((np.log(values) if axis.log else values) - axis.low) / (axis.high - axis.low)
    return np.clip(moved, 0.0, 1.0)
