"""How far off the ladder's answer may be."""

import math

import numpy as np

from lrtune.service.tuning.auto.ladder.model import Model, Outcomes
from lrtune.service.tuning.auto.ladder.rates import stable

_POINTS = 61
_BEYOND_LOW, _BEYOND_HIGH = 0.5, 0.25
"""Decades past the rates that were tried: a full training may like lower ones than the short trainings did."""

_NEAR_BEST = 0.05
"""On the model's scale, about the log of a loss over the least; twice that for each 3 × that the longest are short."""

_WIDEN = 0.0625
"""Decades, to each side."""


def interval(seen: Outcomes, model: Model, rate: float, *, low: float, high: float) -> tuple[float, float]:
    """The rates around the answer `rate` at which the model expects a full training to end near the least loss: at 80 %
    the best rate lies among them, as measured (docs/explanation/ladder.md). Cut to the bounds.

    Functions drawn from the model, as in `suggesting.posterior`, are of no use here: far from what was tried they
    hold anything for possible. The shorter the trainings, the farther their valley may be from that of full ones.
    """
    first, last = max(math.log10(low), seen.x.min() - _BEYOND_LOW), min(math.log10(high), seen.x.max() + _BEYOND_HIGH)
    places = np.linspace(first, last, _POINTS)
    means, _ = model.predict(places, 0.0)
    usable = stable(seen, places, 0.0)
    if usable.any():
        means = np.where(usable, means, np.inf)
    short = -float(np.sort(seen.level[seen.finished])[-2:].min())  # Of one training alone little is to be said.
    near = places[means <= means.min() + _NEAR_BEST * 2**short]
    near = near if len(near) else places  # Losses beyond what the model can hold.
    answer = math.log10(rate)
    ends = min(near.min(), answer) - _WIDEN, max(near.max(), answer) + _WIDEN
    return min(max(10 ** float(ends[0]), low), rate), max(min(10 ** float(ends[1]), high), rate)
