"""The next trial's point, from the evidence: pure, the same arguments give the same point."""

from dataclasses import dataclass

import numpy as np

from lrtune.service.tuning.auto.evidence import Evidence, Floats
from lrtune.service.tuning.auto.policy import final_losses
from lrtune.service.tuning.auto.policy.initial_design import crowd_point, first_point, spread_count
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.acquisition import at_large, best_new
from lrtune.service.tuning.auto.surrogate.model import build, odds_of

_UNIFORM_SHARE = 0.15


@dataclass(frozen=True)
class NextPoint:
    """A point (columns,) and why it was taken."""

    point: Floats
    explanation: str


def propose(
    evidence: Evidence,
    space: Space,
    *,
    number: int,
    seed: int,
    quantiles: Floats | None = None,
    fixed: dict[int, float] | None = None,
) -> NextPoint:
    """The point of the `number`-th trial (from 0) of a study.

    First spread points (`quantiles`: of a prior on the rate, see `first_point`), then log expected improvement
    of a Gaussian process, in several dimensions of final losses where those are smooth, and one in seven uniform.
    `fixed`: columns that are given already.
    """
    if number < spread_count(space.columns):
        return NextPoint(_given(first_point(number, space, seed, quantiles), fixed), "one of the first, spread points")
    rng = np.random.default_rng([seed, number])
    many = space.columns > 1
    if many and rng.random() < _UNIFORM_SHARE:
        point = at_large(odds_of(evidence, space), space, rng)
        model = None
    else:
        model = build(evidence, space, rng)
        point = first_point(number, space, seed, quantiles)
    if model is None:
        return NextPoint(_given(point, fixed), "a point at large")
    if many and fixed is None and final_losses.begins(evidence, mislead=False):
        everything = np.ones(len(evidence.final), dtype=bool)
        learned = final_losses.learn(model, everything, space.rate_index, rng)
        if learned.is_smooth():
            best = learned.next(np.zeros(0, dtype=np.int64), space, rng, quantiles).point
            assert best is not None
            return NextPoint(best, "the most improvement expected by others' final losses")
    found = best_new(model, space, rng, fixed=fixed, quantiles=quantiles)
    what = "the most improvement expected"
    return NextPoint(found.point, f"{what}; {found.safe:.0%} likely to train without diverging")


def spread(
    number: int, space: Space, seed: int, quantiles: Floats | None = None, fixed: dict[int, float] | None = None
) -> NextPoint:
    """The point of the `number`-th trial where hundreds are begun at once and hardly anything is known."""
    return NextPoint(_given(crowd_point(number, space, seed, quantiles), fixed), "one of a crowd, spread points")


def _given(point: Floats, fixed: dict[int, float] | None) -> Floats:
    for column, value in (fixed or {}).items():
        point[column] = value
    return point
