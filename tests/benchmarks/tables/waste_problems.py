"""Problems for `bench waste`, of the rate alone: made-up valleys, and real final losses."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.search.simulation import Problem
from tests.benchmarks.search.suites import Task, to_unit

Floats = NDArray[np.float64]

_LOW, _HIGH, _GRID = 1e-6, 1.0, 601
_UNTRAINED = math.log(10)
_SLICES = 10


def valleys(count: int) -> list[Problem]:
    """Losses that stay at an untrained model's below some rate, fall to a valley, and rise, or diverge, past it."""
    return [_valley(number) for number in range(count)]


def _valley(number: int) -> Task:
    source = np.random.default_rng([number, 29])
    x = np.linspace(math.log10(_LOW), math.log10(_HIGH), _GRID)
    best, least = source.uniform(-4.0, -0.7), 10 ** source.uniform(-2.0, -0.5)
    left, right = source.uniform(0.5, 1.5), source.uniform(2.0, 6.0)
    depth = np.where(x < best, left * (best - x), right * (x - best)) ** 2
    final = np.minimum(least * np.exp(depth), _UNTRAINED) * np.exp(source.normal(0.0, 0.03, _GRID))
    diverges = best + source.uniform(0.4, 2.0) if number % 2 else math.inf
    return of_final_losses(f"{number:02d}", 10**x, np.where(x > diverges, np.nan, final))


def of_final_losses(name: str, rates: Floats, final: Floats) -> Task:
    """A task of rates (n,) alone, whose curves fall to the final losses (n,) evenly in logs; NaN diverges half-way."""
    trained = np.arange(1, _SLICES + 1) / _SLICES
    begin = np.log(np.nanmax(final))
    fallen = np.log(np.where(np.isfinite(final), final, np.nanmax(final))) - begin
    curves = np.exp(begin + trained * fallen[:, None])
    curves[~np.isfinite(final), _SLICES // 2 :] = np.nan
    low, high = np.array([rates[0]]), np.array([rates[-1]])
    finite = np.where(np.isfinite(final), final, np.inf)
    return Task(
        suite="valleys",
        name=name,
        names=("learning_rate",),
        low=low,
        high=high,
        scale=("log",),
        configs=rates[:, None],
        loss=curves,
        cube=to_unit(rates[:, None], low, high, ("log",)),
        best=float(finite.min()),
        reference=float(np.median(final[np.isfinite(final)])),
    )


def small_trainings(data: Path, seed: int = 0) -> list[Problem]:
    """The real final losses of every task and optimizer of `small-trainings.npz`."""
    with np.load(data / "small-trainings.npz", allow_pickle=False) as found:
        names, optimizers, rates = found["tasks"], found["optimizers"], found["learning_rates"]
        final = found["final_loss"][:, :, :, -1, seed]
    final = np.where(np.isfinite(final), final, np.nan)
    return [
        of_final_losses(f"{names[i]}-{optimizers[j]}", rates, final[i, j])
        for i in range(len(names))
        for j in range(len(optimizers))
    ]
