"""The interval of the process alone, without the shape of a valley: what the posterior's width is measured against."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from lrtune.service.tuning.auto.observed import length_of, observe
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import build

_PLACES = np.linspace(0.0, 1.0, 121)
_NEAR_BEST, _TAIL, _LIKELY = 0.2, 0.1, 0.5


def unshaped_decades(
    trials: Sequence[FrozenTrial], distributions: Mapping[str, BaseDistribution], params: Mapping[str, Any], name: str
) -> float:
    """How many decades the middle 80 % of the near-best rates of functions drawn from the process take."""
    space = Space(distributions, name)
    axis = next(axis for axis in space.axes if axis.name == name)
    evidence = observe(trials, space, StudyDirection.MINIMIZE, length_of(trials, None), failed_counts=False)
    model = build(evidence, space, np.random.default_rng(0))
    assert model is not None
    points = np.repeat(space.encode(params)[None, :], len(_PLACES), axis=0)
    points[:, axis.first] = _PLACES
    mean, covariance = model.process.covariance(points)
    values, vectors = np.linalg.eigh(covariance)
    half = vectors * np.sqrt(np.maximum(values, 1e-8))
    drawn = mean[:, None] + half @ np.random.default_rng(0).normal(size=(len(mean), 200))
    stable = model.odds.stability.safe(points)
    drawn[stable < min(_LIKELY, float(stable.max()))] = np.inf
    near = drawn <= drawn.min(axis=0) + _NEAR_BEST
    mass = np.cumsum((near / near.sum(axis=0)).mean(axis=1))
    low, high = np.interp([_TAIL, 1 - _TAIL], mass, _PLACES)
    widened = float(high - low) + 2 * (0.003 + 0.04 / max(int(evidence.finished.sum()), 1))
    return min(widened, 1.0) * (axis.high - axis.low) / float(np.log(10.0))
