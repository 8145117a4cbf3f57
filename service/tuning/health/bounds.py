"""Is a bound in the way?

Of each number that is searched: whether the best trials gather within a tenth of its range of a bound, and trials there
are better than elsewhere (Mann and Whitney 1947, at 1 % over all bounds). Where a parameter does not matter, a fifth of
all trials lie there by chance; so to gather takes most of the best. Of the learning rate also what range tests say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # Its stats, half a second to import, is loaded when first used.

from lrtune.service.sentences.health import bounds as say
from lrtune.service.sentences.health.common import too_few_to_compare
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.health.evidence import Evidence, Trained
from lrtune.service.tuning.health.widening import Side, searchable_sides, wider
from lrtune.service.wire.health import HealthCard, HealthState

_FEWEST_COMPLETE = 10
_NEAR = 0.1
_MOST_OF = 0.6
_AT_ALL_BOUNDS = 0.01
_FEWEST_BESIDE = 5
_MOST_SHOWN = 5


@dataclass(frozen=True)
class _Gathered:
    """A bound at which the best trials gather; `better` where trials there are better than elsewhere."""

    side: Side
    share: float
    better: bool
    numbers: list[int]


def at_bound(evidence: Evidence) -> HealthCard:
    """The card."""
    sides = searchable_sides(evidence.spec.search_space)
    if not sides:
        return HealthCard(question=say.AT_BOUND, state="unknown", says=say.no_number())
    tested, told = _tested(evidence, sides)
    best = _best(evidence)
    found = [] if len(best) < 5 else [one for side in sides if (one := _gathered(evidence, side, best, len(sides)))]
    if not found and not tested:
        if not best:
            says = too_few_to_compare(evidence.complete, _FEWEST_COMPLETE)
            return HealthCard(question=say.AT_BOUND, state="unknown", says=says)
        says = say.within_bounds(len(best), evidence.complete, list(dict.fromkeys(side.name for side in sides)))
        return HealthCard(question=say.AT_BOUND, state="good", says=says)
    state: HealthState = "bad" if any(one.better for one in found) else "look"
    facts = [fact for one in found for fact in _facts(one, len(best))]
    moved = dict.fromkeys([*(one.side for one in found), *tested])
    return HealthCard(
        question=say.AT_BOUND,
        state=state,
        says=paragraph([*facts, *told]),
        remedy=say.widen(wider(evidence.spec.search_space, list(moved), evidence.rate)),
        trials=list(dict.fromkeys(number for one in found for number in one.numbers))[:_MOST_SHOWN],
    )


def _facts(one: _Gathered, best: int) -> list[str]:
    fact = say.at_bound(one.side.name, upper=one.side.upper, bound=one.side.bound, share=one.share, best=best)
    return [f"{fact}, and {say.better_there()}" if one.better else fact]


def _best(evidence: Evidence) -> list[Trained]:
    """A twentieth of the complete trials, five at least; none while few are complete."""
    if evidence.complete < _FEWEST_COMPLETE:
        return []
    own = [trial for trial in evidence.best if trial.own]
    return own[: max(5, min(len(own), evidence.complete // 20))]


def _gathered(evidence: Evidence, side: Side, best: Sequence[Trained], sides: int) -> _Gathered | None:
    having = [trial for trial in best if side.distance(trial.params) is not None]
    near = [trial for trial in having if _is_near(side, trial)]
    if len(having) < 5 or len(near) < _MOST_OF * len(having):
        return None
    found = evidence.comparison
    places = [side.distance(trial.params) for trial in found.trials]
    known = np.array([place is not None for place in places]) & ~np.isnan(found.standing)
    at_end = np.array([place is not None and place <= _NEAR for place in places])
    there, elsewhere = found.standing[known & at_end], found.standing[known & ~at_end]
    numbers = [trial.number for trial in near]
    if len(elsewhere) < _FEWEST_BESIDE:  # Nearly all were drawn there: the sampler would rather go on.
        return _Gathered(side, len(near) / len(having), False, numbers)
    if not len(there):
        return None
    tested = scipy.stats.mannwhitneyu(there, elsewhere, alternative="greater")
    if tested.pvalue >= _AT_ALL_BOUNDS / sides:
        return None
    return _Gathered(side, len(near) / len(having), True, numbers)


def _is_near(side: Side, trial: Trained) -> bool:
    distance = side.distance(trial.params)
    return distance is not None and distance <= _NEAR


def _tested(evidence: Evidence, sides: Sequence[Side]) -> tuple[list[Side], list[str]]:
    """The bounds of the learning rate beyond which the latest range test sees better rates, and what it says."""
    if not evidence.range_tests or evidence.rate is None:
        return [], []
    test, beyond, told = evidence.range_tests[-1], [], []
    for side in sides:
        seen = test.still_falling_at if side.upper else test.rising_from
        if side.name != evidence.rate or seen is None:
            continue
        if seen >= side.bound if side.upper else seen <= side.bound:
            beyond.append(side)
            told.append(say.range_test_beyond(upper=side.upper, bound=side.bound, seen=seen))
    return beyond, told
