"""A prior on the learning rate, as quantiles."""

from collections.abc import Sequence

import numpy as np

from lrtune.service.tuning.auto.evidence import Floats
from lrtune.service.tuning.auto.space import Space

_POINTS = 101
_UNIFORM_SHARE = 0.2
_FLOOR_DECADES = 0.5


def quantiles_around(
    rates: Sequence[float], low: float, high: float, *, decades: float = 1.0, uniform: float = _UNIFORM_SHARE
) -> Floats:
    """A prior around known good `rates`: its quantiles at an even grid from 0 to 1, as rates, shape (101,).

    A kernel of `decades` (standard deviation, at least half a decade) around each, mixed with a log-uniform share
    over [low, high], to which it is cut. One rate (the usual one of an optimizer) or the best ones of past studies.
    Raises ValueError where there is no rate.
    """
    if not len(rates):
        raise ValueError("a prior needs at least one rate")
    x = np.linspace(np.log10(low), np.log10(high), 2001)
    centres = np.clip(np.log10(np.asarray(rates, dtype=float)), x[0], x[-1])
    spread = max(decades, _FLOOR_DECADES)
    density = np.exp(-0.5 * ((x[:, None] - centres) / spread) ** 2).mean(axis=1)
    density = (1 - uniform) * density / density.sum() + uniform / len(x)
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    quantiles: Floats = 10 ** np.interp(np.linspace(0, 1, _POINTS), cumulative / cumulative[-1], x)
    return np.clip(quantiles, low, high)


def quantiles_in(space: Space, rates: Sequence[float] | None) -> Floats | None:
    """The quantiles `rates` in the unit interval of the main learning rate's column, ascending, shape (n,); None where
    there are none, or no such column."""
    if rates is None or space.rate_index is None:
        return None
    axis = next(axis for axis in space.axes if axis.first == space.rate_index)
    shown: Floats = np.maximum.accumulate(np.array([axis.encode(rate)[0] for rate in rates]))
    return shown
