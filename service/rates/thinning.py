"""Fewer points of a learning curve, with all that one looks for in it."""

import numpy as np
from numpy.typing import NDArray

from lrtune.service.rates.checks import Refused
from lrtune.service.wire.trials import FEWEST_POINTS


def thin(values: NDArray[np.float64], max_points: int) -> NDArray[np.intp]:
    """Which points to show of a curve of `values` (n,): at most `max_points` indices, rising.

    Kept are the first and the last point and, of each of as many equal buckets as there is room for, the least and the
    greatest value and the first that is not finite: spikes and divergence stay where they are. With `max_points`
    5, the values `[3, 2, 9, 1, 2]` are all kept; so is every curve that is no longer than `max_points`.

    Raises Refused where `max_points` is less than 5. Source: the min-max decimation of Jugel and others, "M4: a
    visualization-oriented time series data aggregation", PVLDB 7(10), 2014.
    """
    if max_points < FEWEST_POINTS:
        raise Refused("max_points", f"must be at least {FEWEST_POINTS}")
    count = len(values)
    if count <= max_points:
        return np.arange(count)
    finite = np.isfinite(values)
    each = 2 if finite.all() else 3
    buckets = (max_points - 2) // each
    edges = np.linspace(0, count, buckets + 1).astype(np.intp)
    starts = edges[:-1]
    kept = [np.array([0, count - 1])]
    for worst, pick in ((np.inf, np.minimum), (-np.inf, np.maximum)):
        shown = np.where(finite, values, worst)
        extremes = pick.reduceat(shown, starts)
        kept.append(_first_of_each(finite & (shown == np.repeat(extremes, np.diff(edges))), edges))
    if each == 3:
        kept.append(_first_of_each(~finite, edges))
    return np.unique(np.concatenate(kept))


def _first_of_each(which: NDArray[np.bool_], edges: NDArray[np.intp]) -> NDArray[np.intp]:
    """The first index in each bucket at which `which` holds, where there is one."""
    found = np.flatnonzero(which)
    bucket = np.searchsorted(edges, found, side="right")
    return found[np.unique(bucket, return_index=True)[1]]
