"""One dimension: probes first, then which paused trial goes on while few have finished, then the model's best.

A run by early ranks, then one far from it: where the ranks hold the second costs little, since little was left to
gain, and where they mislead (under annealing the best rates look bad early: Wu 2018, arXiv:1803.02021) it is the first
that tells anything.
"""

from dataclasses import dataclass, replace

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, Ints
from lrtune.service.tuning.auto.policy.decision import Decision, Terms, forecast_told, gains_of
from lrtune.service.tuning.auto.policy.rungs import misled
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.acquisition import best_new
from lrtune.service.tuning.auto.surrogate.model import Model

PROBES, PROBE_UNTIL = 12, 0
"""How many short probes come first, and the checkpoint they run to (.02 of a training)."""

_COVERED = 2
"""With so many finished, one by early ranks and one far from it, their order has been tried."""

_EXPLORE_EVERY = 5
"""Of those that finish, after the first five: the probes have covered the range."""

_RESUME_BONUS = 1.0

_SECOND, _SECOND_UNTIL = 2, 3
"""So many of the probes run on to this checkpoint (.09), before one of them goes to its end."""

_GRID = 101
_LEAST_SAFE = 0.5
_MISLED_FROM = 3
"""Two finished trials are one pair: by chance its order turns round in every second study."""


@dataclass(frozen=True)
class Step:
    """The paused `trial` (its place in the evidence) trains on to checkpoint `until`."""

    trial: int
    until: int
    explanation: str


def decide(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: Terms) -> Decision:
    """First as few finished curves allow (`_while_few`), then by expected improvement, new ones trained to their end.
    Once early ranks mislead, the forecasts of paused trials are left out."""
    step = _while_few(model, waiting, terms) if len(waiting) else None
    if step is not None:
        return Decision("resume", None, step.trial, step.until, step.explanation)
    evidence, end = model.evidence, len(FRACTIONS) - 1
    finished = int(evidence.finished.sum())
    mislead = ranks_mislead(evidence, PROBE_UNTIL)
    believed = unforecast(model, waiting) if mislead else model
    explore = not terms.insists and finished >= _EXPLORE_EVERY and finished % _EXPLORE_EVERY == _EXPLORE_EVERY - 1
    found = best_new(believed, space, rng, explore=explore, quantiles=terms.quantiles)
    if len(waiting) and not explore:
        gains = gains_of(believed, waiting)
        place = int(np.argmax(gains))
        if terms.insists or gains[place] + _RESUME_BONUS > found.gain:
            why = "early ranks mislead here; by its rate" if mislead else forecast_told(model, int(waiting[place]))
            return Decision("resume", None, int(waiting[place]), end, why)
    what = "the least known rate" if explore else "the most improvement expected"
    return Decision("new", found.point, None, end, what)


def _while_few(model: Model, waiting: Ints, terms: Terms) -> Step | None:
    """A run by early ranks, one that covers the range, and, if those ended in their order, one more by early ranks."""
    evidence = model.evidence
    going = to_the_end(evidence, waiting)
    if going == 1:
        return covering(model, waiting, terms.quantiles)
    tried = going == int(evidence.finished.sum()) == _COVERED
    if not going or (tried and ranks_held(evidence, PROBE_UNTIL)):
        return by_rank(evidence, waiting)
    return None


def by_rank(evidence: Evidence, waiting: Ints) -> Step:
    """The best probes a little further, then the better of those to the end."""
    further = waiting[evidence.reached[waiting] >= _SECOND_UNTIL]
    if len(further) >= min(_SECOND, len(waiting)):
        best = further[np.argmin(evidence.curves[further, _SECOND_UNTIL])]
        return Step(int(best), len(FRACTIONS) - 1, "the best of the probes")
    behind = waiting[evidence.reached[waiting] < _SECOND_UNTIL]
    best = behind[np.argmin(evidence.curves[behind, evidence.reached[behind]])]
    return Step(int(best), _SECOND_UNTIL, "one of the best probes")


def to_the_end(evidence: Evidence, waiting: Ints) -> int:
    """How many trials have finished or are on their way to it: past the probes and not paused. With several workers
    those that run count too, else all of them would go by early ranks."""
    going = evidence.finished | (evidence.partial & (evidence.reached >= _SECOND_UNTIL))
    going[waiting] = False
    return int(going.sum())


def covering(model: Model, waiting: Ints, quantiles: Floats | None) -> Step | None:
    """The one that leaves the rates that train nearest to a trial that trained on; None where none is likely to train.

    Not the farthest one: that would be at a bound, where it tells of half as many rates. `quantiles`: a prior on the
    rate (`first_point`), by which the rates count.
    """
    evidence = model.evidence
    going = ~evidence.diverged
    going[waiting] = False
    rates = np.linspace(0.0, 1.0, _GRID)
    if quantiles is not None:
        rates = np.interp(rates, np.linspace(0.0, 1.0, len(quantiles)), quantiles)
    safe = waiting[model.odds.stability.safe(evidence.cube[waiting]) > _LEAST_SAFE]
    if not len(safe):
        return None
    nearest = np.abs(rates[:, None] - evidence.cube[going, 0]).min(axis=1)
    left = np.minimum(nearest, np.abs(evidence.cube[safe] - rates))
    trial = int(safe[np.argmin(left @ model.odds.safe(rates[:, None]))])
    return Step(trial, len(FRACTIONS) - 1, "covers the range: it tells whether early ranks hold")


def ranks_held(evidence: Evidence, probe: int) -> bool:
    """Whether the finished trials ended in their order at checkpoint `probe`: no pair turned round, or tied."""
    early, ends = evidence.curves[evidence.finished, probe], evidence.final[evidence.finished]
    return bool((np.diff(ends[np.argsort(early)]) > 0).all())


def ranks_mislead(evidence: Evidence, probe: int) -> bool:
    """Whether the order of the finished trials at checkpoint `probe` was not their order at the end."""
    told = evidence.finished & np.isfinite(evidence.curves[:, probe])
    return bool(told.sum() >= _MISLED_FROM) and misled(evidence, probe)


def unforecast(model: Model, waiting: Ints) -> Model:
    """The model without the forecasts of paused trials; running ones keep theirs, else they are asked for again."""
    ends = model.ends.copy()
    ends[waiting] = np.nan
    return replace(model, ends=ends)
