"""The suites: tabulated learning curves of real trainings, looked up at any configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from tests.benchmarks.processes import BenchError

Floats = NDArray[np.float64]
T = TypeVar("T")

SUITES = ("deepobs", "lcbench-lr", "lcbench", "taskset")
_KEPT_EVERY = 3


@dataclass(frozen=True)
class Task:
    """One problem: `configs` (n, d), `loss` (n, slices), lower is better, NaN from the slice where it diverged.

    `cube` are the configurations in the unit cube, log where the parameter is. `best` is the best loss known,
    `reference` that of the median random configuration, fully trained.
    """

    suite: str
    name: str
    names: tuple[str, ...]
    low: Floats
    high: Floats
    scale: tuple[str, ...]
    configs: Floats
    loss: Floats
    cube: Floats
    best: float
    reference: float

    @property
    def slices(self) -> int:
        """Slices of a full training."""
        return int(self.loss.shape[1])

    @property
    def optimizer(self) -> str:
        """What the trainings were done with: `adam`, else `sgd` (with momentum or without)."""
        return "adam" if self.suite == "taskset" or self.name.endswith("adam") else "sgd"

    def distributions(self) -> dict[str, BaseDistribution]:
        """The search space in Optuna's terms."""
        return {name: self._distribution(index) for index, name in enumerate(self.names)}

    def _distribution(self, index: int) -> BaseDistribution:
        low, high, log = self.low[index], self.high[index], self.scale[index].startswith("log")
        if self.scale[index].endswith("int"):
            return IntDistribution(int(low), int(high), log=log)
        return FloatDistribution(float(low), float(high), log=log)

    def unit(self, params: Mapping[str, Any]) -> Floats:
        """The parameters in the unit cube, shape (d,), log where the parameter is."""
        values = np.array([float(params[name]) for name in self.names])
        return to_unit(values, self.low, self.high, self.scale)

    def curve(self, params: Mapping[str, Any]) -> Floats:
        """The learning curve at a configuration, shape (slices,).

        Interpolated along the log rate where the rate is all there is, else the nearest configuration's.
        """
        place = self.unit(params)
        if len(self.names) > 1:
            nearest = int(np.argmin(((self.cube - place) ** 2).sum(axis=1)))
            found: Floats = self.loss[nearest]
            return found
        return self._between(float(place[0]), self.cube[:, 0])

    def _between(self, place: float, rates: Floats) -> Floats:
        right = int(np.clip(np.searchsorted(rates, place), 1, len(rates) - 1))
        share = float(np.clip((place - rates[right - 1]) / (rates[right] - rates[right - 1]), 0.0, 1.0))
        below, above = self.loss[right - 1], self.loss[right]
        nearer = above if share > 0.5 else below
        mixed = below if share == 0 else above if share == 1 else (1 - share) * below + share * above
        curve = np.where(np.isfinite(below) & np.isfinite(above), mixed, nearer)
        return np.where(np.logical_and.accumulate(np.isfinite(curve)), curve, np.nan)

    def regret(self, loss: float) -> float:
        """0 at the best known loss, 1 at the median random configuration's and beyond; 1 where there is none."""
        if not np.isfinite(loss):
            return 1.0
        return float(np.clip((loss - self.best) / (self.reference - self.best), 0.0, 1.0))


def to_unit(values: Floats, low: Floats, high: Floats, scale: Sequence[str]) -> Floats:
    """Values (…, d) in the unit cube, log where `scale` says so."""
    logs = np.array([name.startswith("log") for name in scale])
    bottom, top = (
        np.where(logs, np.log(np.where(logs, low, 1.0)), low),
        np.where(logs, np.log(np.where(logs, high, 1.0)), high),
    )
    shown = np.where(logs, np.log(np.where(logs, values, 1.0)), values)
    cube: Floats = (shown - bottom) / (top - bottom)
    return cube


def kept_aside(ordered: Sequence[T]) -> Sequence[T]:
    """Every third, for judging."""
    return ordered[_KEPT_EVERY - 1 :: _KEPT_EVERY]


def read_suite(data: Path, suite: str, which: str = "all") -> list[Task]:
    """The tasks of a suite, by name. `which`: "all", "kept" (every third, for judging) or "dev" (the others).

    Raises BenchError where the folder has no such suite.
    """
    paths = sorted((data / suite).glob("*.npz"))
    if not paths:
        raise BenchError(f"no .npz file in {data / suite}: --data takes the folder that holds {', '.join(SUITES)}")
    kept = kept_aside(paths)
    chosen = paths if which == "all" else kept if which == "kept" else [p for p in paths if p not in kept]
    return [read_task(path, suite) for path in chosen]


def read_task(path: Path, suite: str) -> Task:
    """One task. Raises BenchError where the file lacks an array."""
    try:
        with np.load(path, allow_pickle=False) as found:
            bounds = np.asarray(found["bounds"], dtype=float)
            order = np.argsort(found["configs"][:, 0]) if bounds.shape[0] == 1 else slice(None)
            configs, scale = np.asarray(found["configs"], dtype=float)[order], _texts(found["scale"])
            return Task(
                suite=suite,
                name=path.stem,
                names=_texts(found["names"]),
                low=bounds[:, 0],
                high=bounds[:, 1],
                scale=scale,
                configs=configs,
                cube=to_unit(configs, bounds[:, 0], bounds[:, 1], scale),
                loss=np.asarray(found["loss"], dtype=float)[order],
                best=float(found["best"]),
                reference=float(found["reference"]),
            )
    except (KeyError, ValueError, OSError) as error:
        raise BenchError(f"{path} is not a table of learning curves: {error}") from error


def thinned(task: Task, share: float, seed: int) -> Task:
    """The task with a random share of its configurations, so that a method is not judged by what the nearest one
    happens to be. Regret is against the whole task's best."""
    count = len(task.configs)
    kept = np.sort(np.random.default_rng([seed, count]).permutation(count)[: max(2, round(share * count))])
    return replace(task, configs=task.configs[kept], cube=task.cube[kept], loss=task.loss[kept])


def reported(task: Task, reports: int) -> Task:
    """The task with so many reports a training, evenly spread, the last at its end."""
    at = np.ceil(np.arange(1, reports + 1) * task.slices / reports).astype(np.int64) - 1
    return replace(task, loss=task.loss[:, at])


def _texts(array: Sequence[Any] | NDArray[Any]) -> tuple[str, ...]:
    return tuple(str(item) for item in array)
