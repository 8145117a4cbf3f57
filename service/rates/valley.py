"""Valleys: functions that fall, then rise, as the loss does along the rate.

A function drawn from a process that knows no shape dips wherever nothing was measured. It is replaced by the nearest
valley: a projection in weighted least squares, which turns a posterior over functions into one over valleys (Lin and
Dunson 2014, "Bayesian monotone regression using Gaussian process projection", Biometrika 101; there for monotone
functions). A valley is falling up to some place and rising from there; the place is found by the errors of all its
falling beginnings and rising ends, each of which one pass tells (Stout 2008, "Unimodal regression via prefix isotonic
regression", Computational Statistics & Data Analysis 53).
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy  # Its optimize, a third of a second to import, is loaded when first used.
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def nearest_valleys(functions: Floats, weights: Floats, peaks: Sequence[int] = ()) -> Floats:
    """Each of the `functions` (m, n) as the nearest valley, same shape; errors count by `weights` (n,), > 0.

    Between `peaks`, places of a hill that the data show, there is a valley each.

    >>> nearest_valleys(np.array([[3.0, 1.0, 2.0, 0.0, 4.0]]), np.ones(5))
    array([[3. , 1.5, 1.5, 0. , 4. ]])
    """
    found = np.empty_like(functions)
    ends = [0, *sorted(peaks), functions.shape[1]]
    for first, last in pairwise(ends):
        for row, function in enumerate(functions[:, first:last]):
            found[row, first:last] = _nearest_valley(function, weights[first:last])
    return found


def _nearest_valley(function: Floats, weights: Floats) -> Floats:
    turn = _turn(function, weights)
    fit = scipy.optimize.isotonic_regression
    falling = fit(function[:turn], weights=weights[:turn], increasing=False).x if turn else []
    rising = fit(function[turn:], weights=weights[turn:]).x if turn < len(function) else []
    return np.concatenate([falling, rising])


def _turn(function: Floats, weights: Floats) -> int:
    """How many places fall, of the nearest valley."""
    # What a fit explains of the sum of squares, the falling beginning's and the rising end's: the most is the best.
    begun = _explained(function.tolist(), weights.tolist())
    ended = _explained(function[::-1].tolist(), weights[::-1].tolist())
    return int(np.argmax(np.array([0.0, *begun]) + np.array([0.0, *ended])[::-1]))


def _explained(values: list[float], weights: list[float]) -> list[float]:
    """Of each beginning of `values`, Σ w f² of its best falling fit f: blocks that rise are pooled."""
    means: list[float] = []
    sums: list[float] = []
    total, totals = 0.0, []
    for value, weight in zip(values, weights, strict=True):
        while means and means[-1] <= value:
            mean, summed = means.pop(), sums.pop()
            total -= mean * mean * summed
            value = (value * weight + mean * summed) / (weight + summed)
            weight += summed
        means.append(value)
        sums.append(weight)
        total += value * value * weight
        totals.append(total)
    return totals
