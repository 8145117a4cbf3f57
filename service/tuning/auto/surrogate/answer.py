"""The answer: a rate with an interval, from the surrogate."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import Model, build, losses_of

_POINTS = 121
_SAMPLES = 300
_LEVEL = 0.8
_WIDEN = 0.02
"""Of the searched range, to each side of the sampled minima: on plateaus they are too sure of themselves."""

_JITTER = 1e-8


@dataclass(frozen=True)
class Answer:
    """`learning_rate` to train with, and the loss expected there; `interval`: at 80 % a near-best rate lies in it.

    Over `grid` (m,), rates evenly spaced in logs: the fitted `mean` loss and the band from `low` to `high`, of one
    standard deviation to each side (m,), and `stable`, the probability to train without diverging (m,).
    `at_bound`: "low" or "high" where the best rate is at that end of the range, which is then too narrow.
    """

    learning_rate: float
    interval: tuple[float, float]
    expected_loss: float
    grid: Floats
    mean: Floats
    low: Floats
    high: Floats
    stable: Floats
    at_bound: str | None


def answer(
    rates: Floats, losses: Floats, bounds: tuple[float, float], *, diverged: Floats | None = None, seed: int = 0
) -> Answer | None:
    """The answer from finished trainings where only the rate matters: `rates` (n,) and `losses` (n,), lower is better.

    `diverged`: the rates of those that diverged. None with fewer than two finished trainings.
    """
    if len(rates) < 2:
        return None
    space = Space({"learning_rate": FloatDistribution(bounds[0], bounds[1], log=True)})
    bad = np.zeros(0) if diverged is None else diverged
    count = len(rates) + len(bad)
    every = np.concatenate([rates, bad])
    evidence = Evidence(
        cube=np.clip(np.log(every / bounds[0]) / np.log(bounds[1] / bounds[0]), 0, 1)[:, None],
        curves=np.full((count, len(FRACTIONS)), np.nan),
        final=np.concatenate([losses, np.full(len(bad), np.nan)]),
        diverged=np.arange(count) >= len(rates),
    )
    model = build(evidence, space, np.random.default_rng(seed))
    best = int(np.nanargmin(evidence.final))
    return None if model is None else along_rate(model, space, evidence.cube[best], seed=seed)


def along_rate(model: Model, space: Space, point: Floats, *, seed: int = 0) -> Answer | None:
    """The answer along the rate, the other columns as in `point` (columns,), the best finished trial's.

    None where the space has no learning rate on a log scale, or fewer than two trainings finished.
    """
    column = space.rate_index
    if column is None or model.evidence.finished.sum() < 2:
        return None
    places = np.unique(np.append(np.linspace(0.0, 1.0, _POINTS), point[column]))
    points = np.repeat(point[None, :], len(places), axis=0)
    points[:, column] = places
    mean, covariance = model.process.covariance(points)
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    stable = model.boundary.safe(points)
    usable = stable >= np.minimum(model.boundary.required(points), stable.max())
    interval = _interval(mean, covariance, places, usable, seed)
    chosen = float(point[column])
    grid = np.array([_rate(space, place) for place in places])
    return Answer(
        learning_rate=_rate(space, chosen),
        interval=(_rate(space, min(interval[0], chosen)), _rate(space, max(interval[1], chosen))),
        expected_loss=float(losses_of(model, np.interp([chosen], places, mean))[0]),
        grid=grid,
        mean=losses_of(model, mean),
        low=losses_of(model, mean - sd),
        high=losses_of(model, mean + sd),
        stable=stable,
        at_bound="low" if chosen < 0.02 else "high" if chosen > 0.98 else None,
    )


def _interval(mean: Floats, covariance: Floats, places: Floats, usable: Floats, seed: int) -> tuple[float, float]:
    """Where the minima of sampled functions lie (Hennig 2012), widened."""
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, _JITTER))
    drawn = mean[:, None] + half @ np.random.default_rng(seed).normal(size=(len(mean), _SAMPLES))
    drawn[~usable.astype(bool)] = np.inf
    minima = places[drawn.argmin(axis=0)]
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(minima, [tail, 1 - tail])
    return max(float(low) - _WIDEN, 0.0), min(float(high) + _WIDEN, 1.0)


def _rate(space: Space, place: float) -> float:
    """The rate at a place in its column."""
    assert space.rate_index is not None
    axis = next(axis for axis in space.axes if axis.first == space.rate_index)
    row = np.zeros(space.columns)
    row[space.rate_index] = place
    return float(axis.decode(row))


def best_point(model: Model) -> int | None:
    """The trial with the best finished loss, its place in the evidence; None while none has finished."""
    final = np.where(model.evidence.finished, model.evidence.final, np.inf)
    return int(final.argmin()) if np.isfinite(final).any() else None


def params_of(space: Space, model: Model) -> Mapping[str, Any]:
    """The parameters of the best finished trial; empty while none has finished."""
    place = best_point(model)
    return {} if place is None else space.decode(model.evidence.cube[place])
