"""The plateau around a best rate where there are too few trials for a posterior."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

NEAR_BEST = 0.1
"""A value is near the best where it lies within this share of the way from the best to the median value."""


@dataclass(frozen=True)
class Point:
    """A finished trial on the axis of the learning rate. `loss` is better when lower; inf where it diverged."""

    learning_rate: float
    loss: float


def plateau(points: Sequence[Point], best_rate: float, low: float, high: float) -> tuple[float, float]:
    """The interval of rates around the best one whose losses come near the best loss.

    Its ends lie halfway, on a log scale, between the last rate that came near and the next that did not; without
    such a neighbour, at the bound: nothing speaks against it. One rate that did not come near, between two that
    did, is taken for bad luck.
    """
    ordered = sorted(points, key=lambda point: point.learning_rate)
    finite = [point.loss for point in ordered if math.isfinite(point.loss)]
    if not finite:
        return (low, high)
    best = min(finite)
    near = best + NEAR_BEST * (median(finite) - best)
    above = [p for p in ordered if p.learning_rate > best_rate]
    below = [p for p in reversed(ordered) if p.learning_rate < best_rate]
    return (_end(below, best_rate, near, low), _end(above, best_rate, near, high))


def _end(points: Sequence[Point], start: float, near: float, bound: float) -> float:
    """Walk outwards from `start` over `points`, nearest first; two in a row that are not near end the walk."""
    last_near = start
    first_far: float | None = None
    for point in points:
        if point.loss <= near:
            last_near, first_far = point.learning_rate, None
        elif first_far is not None:
            break
        else:
            first_far = point.learning_rate
    return bound if first_far is None else math.sqrt(last_near * first_far)
