"""Walls along the learning rate: past two neighbours that are clearly worse than the best, nothing is tried.

Over the rate's logarithm the loss is a valley, with a plateau or a cliff on either side. A process does not know that:
where nothing was measured it returns to its mean, expects the most improvement there, and tries the bounds of the range
again and again.
"""

import numpy as np

from lrtune.service.tuning.auto.evidence import Bools, Floats
from lrtune.service.tuning.auto.surrogate.model import Model

_CLEARLY = 0.5
"""Of the standard deviation of all targets, which is one: so much worse than the best. A quarter is alike."""

_SDS = 1.0
"""So many standard deviations of the process at the places that were tried: noise is not clear. Two are alike."""


def walls(model: Model) -> tuple[float, float]:
    """Between which rates, in the unit interval, a training is worth a try; (0, 1) without walls.

    `model`: of the rate alone. Only trials that finished make a wall: forecasts of the others may mislead.
    """
    rates = np.unique(model.evidence.cube[model.evidence.finished, 0])
    if not len(rates):
        return 0.0, 1.0
    mean, sd = model.process.predict(rates[:, None])
    clear = mean - _SDS * sd > model.best + _CLEARLY
    turn = int(np.argmin(mean))
    below, above = slice(turn, None, -1), slice(turn, None)
    low, high = (_wall(rates[side], clear[side], mean[side]) for side in (below, above))
    return (0.0 if low is None else low), (1.0 if high is None else high)


def _wall(rates: Floats, clear: Bools, mean: Floats) -> float | None:
    """Of what was tried from the valley outwards, each (n,): the first rate that is the outer one of two that are
    clearly worse, as are all beyond, and none of these better than the inner one; None where there is none."""
    beyond = np.logical_and.accumulate(clear[::-1])[::-1]
    outer = beyond[:-1] & (np.minimum.accumulate(mean[::-1])[::-1][1:] >= mean[:-1])
    return float(rates[1:][outer][0]) if outer.any() else None
