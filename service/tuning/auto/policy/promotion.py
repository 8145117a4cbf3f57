"""Pause and resume: which paused trial earns more steps, or whether a new one is begun.

Promotion instead of stopping (Jamieson 2016, arXiv:1502.07943; Li 2020, arXiv:1810.05934). In many parameters a trial
goes on when it is in the best third of its rung, and new points come from how the trials compare with each other
(`pairwise_ranks`); unless the finished curves say that early ranks mislead. Then, and where the rate is all there is,
the surrogate decides, which unfinished trials join by the forecast of their end (`extrapolation`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Bools, Evidence, Floats, Ints
from lrtune.service.tuning.auto.policy import final_losses, one_dimension
from lrtune.service.tuning.auto.policy.initial_design import first_point, prior_quantile, probe_share
from lrtune.service.tuning.auto.policy.pairwise_ranks import promising
from lrtune.service.tuning.auto.policy.rungs import RUNGS, leading, misled, rungs_of
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.acquisition import at_large, best_new, log_improvement
from lrtune.service.tuning.auto.surrogate.model import Model, build

PROBES_FEW, PROBE_FEW = 12, 0
"""One dimension: how many short probes come first, and the checkpoint they run to (.02 of a training)."""

_PROBES_MANY = 12
_PROBES_OF_TRIALS, _LEAST_PROBES = 3, 3
"""Probes are at most a third of `max_trials`, but three."""

_COVERED = 2
"""One dimension: with so many finished, one by early ranks and one far from it, their order has been tried."""

_UNIFORM_SHARE = 0.1
_EXPLORE_EVERY = 5
"""Of those that finish in one dimension, after the first five: the probes have covered the range."""
_RESUME_BONUS = 1.0


@dataclass(frozen=True)
class Decision:
    """What to do with the next free worker: `kind` "new" trains `point` (columns,), "resume" the `trial` (its place
    in the evidence); until checkpoint `until`, which is `FRACTIONS[until]` of a full training. `whole`: to its end
    whatever its early ranks, by final losses (`final_losses`)."""

    kind: Literal["new", "resume"]
    point: Floats | None
    trial: int | None
    until: int
    explanation: str
    whole: bool = False


@dataclass(frozen=True)
class _Terms:
    """`whole`, `quantiles`, `insists` and `fresh` of `decide`."""

    whole: Bools
    quantiles: Floats | None
    insists: bool
    fresh: bool


def decide(
    evidence: Evidence,
    paused: Bools,
    space: Space,
    *,
    number: int,
    seed: int,
    whole: Bools | None = None,
    quantiles: Floats | None = None,
    insists: bool = False,
    fresh: bool = True,
    max_trials: int | None = None,
) -> Decision:
    """The next step of a study whose trials can be paused; pure, and the same for the same arguments.

    `paused` (n,): which trials of the evidence may be resumed (running ones may not). `number`: how many trials were
    begun, of `max_trials` if those are limited. `whole` (n,): which were decided to be (`Decision.whole`). `quantiles`:
    a prior on the rate (`first_point`). `insists`: more should be trained per trial. Where the rate is all there
    is, the paused trial that promises most goes on then; in many parameters that one or a new one, whichever promises
    more, trains to its end. Without `fresh` no new one may be begun: one that comes back says that no paused one earned
    more steps; with `insists` the best of them goes on.
    Costs what an ask costs, some 10 to 20 ms.
    """
    few = space.columns == 1
    probes = _probes_few(max_trials) if few else _PROBES_MANY
    if number < probes and fresh:
        point = _probe(number, probes, space, seed, quantiles)
        until = PROBE_FEW if few else len(FRACTIONS) - 1 if insists else RUNGS[0]
        return Decision("new", point, None, until, f"probe {number + 1} of {probes}")
    rng = np.random.default_rng([seed, number, int(np.isfinite(evidence.curves).sum())])
    model = build(evidence, space, rng)
    if model is None:
        return Decision("new", first_point(number, space, seed, quantiles), None, RUNGS[0], "nothing is known yet")
    waiting = np.flatnonzero(paused & evidence.partial)
    terms = _Terms(np.zeros(len(paused), dtype=bool) if whole is None else whole, quantiles, insists, fresh)
    return (_decide_few if few else _decide_many)(model, waiting, space, rng, terms)


def _probes_few(max_trials: int | None) -> int:
    return PROBES_FEW if max_trials is None else min(PROBES_FEW, max(max_trials // _PROBES_OF_TRIALS, _LEAST_PROBES))


def _probe(number: int, probes: int, space: Space, seed: int, quantiles: Floats | None) -> Floats:
    if space.columns > 1:
        return first_point(number, space, seed, quantiles)
    share = probe_share(number, probes, seed)
    return np.array([share if quantiles is None else prior_quantile(quantiles, share)])


def _decide_few(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: _Terms) -> Decision:
    """One dimension: first as few finished curves allow (`_while_few`), then by expected improvement, new ones trained
    to their end. Once early ranks mislead, the forecasts of paused trials are left out."""
    step = _while_few(model, waiting, terms) if len(waiting) else None
    if step is not None:
        return Decision("resume", None, step.trial, step.until, step.explanation)
    evidence, end = model.evidence, len(FRACTIONS) - 1
    finished = int(evidence.finished.sum())
    mislead = one_dimension.ranks_mislead(evidence, PROBE_FEW)
    believed = one_dimension.unforecast(model, waiting) if mislead else model
    explore = not terms.insists and finished >= _EXPLORE_EVERY and finished % _EXPLORE_EVERY == _EXPLORE_EVERY - 1
    found = best_new(believed, space, rng, explore=explore, quantiles=terms.quantiles)
    if len(waiting) and not explore:
        gains = _gains(believed, waiting)
        place = int(np.argmax(gains))
        if terms.insists or gains[place] + _RESUME_BONUS > found.gain:
            why = "early ranks mislead here; by its rate" if mislead else _forecast(model, int(waiting[place]))
            return Decision("resume", None, int(waiting[place]), end, why)
    what = "the least known rate" if explore else "the most improvement expected"
    return Decision("new", found.point, None, end, what)


def _while_few(model: Model, waiting: Ints, terms: _Terms) -> one_dimension.Step | None:
    """A run by early ranks, one that covers the range, and, if those ended in their order, one more by early ranks."""
    evidence = model.evidence
    going = one_dimension.to_the_end(evidence, waiting)
    if going == 1:
        return one_dimension.covering(model, waiting, terms.quantiles)
    tried = going == int(evidence.finished.sum()) == _COVERED
    if not going or (tried and one_dimension.ranks_held(evidence, PROBE_FEW)):
        return one_dimension.by_rank(evidence, waiting)
    return None


def _decide_many(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: _Terms) -> Decision:
    """Many dimensions: a share of the steps by final losses, and all of them where early ranks mislead; else whatever
    leads its rung goes on, the furthest first; else a new point."""
    evidence, end = model.evidence, len(FRACTIONS) - 1
    if terms.insists and terms.fresh:
        return _to_the_end(model, waiting, space, rng, terms)
    mislead = misled(evidence)
    step = _by_final_losses(model, waiting, space, rng, terms, always=mislead) if terms.fresh else None
    if step is not None:
        what = "early ranks mislead here" if mislead else "whatever its early rank"
        kind: Literal["new", "resume"] = "new" if step.trial is None else "resume"
        return Decision(kind, step.point, step.trial, end, f"{what}: by the final losses of others", whole=True)
    found = _by_rank(model, waiting, terms, least=int(terms.insists or not evidence.finished.any()))
    if found is not None:
        return found
    until = rungs_of(evidence)[0]
    if rng.random() < _UNIFORM_SHARE:
        return Decision("new", at_large(model.stability, space, rng), None, until, "a point at large")
    new = promising(model, space, rng, quantiles=terms.quantiles)
    return Decision("new", new.point, None, until, "likely to lead the others")


def _by_final_losses(
    model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: _Terms, *, always: bool
) -> final_losses.Step | None:
    """The next training to its end by final losses; None where those had their share of the steps."""
    if not final_losses.begins(model.evidence, always):
        return None
    spent = final_losses.spent(model.evidence, terms.whole)
    if spent > final_losses.MOST_SHARE and not always:
        return None
    learned = final_losses.learn(model, terms.whole, space.rate_index, rng, mislead=always)
    if not always and spent > final_losses.LEAST_SHARE and spent > learned.share():
        return None
    return learned.next(waiting, space, rng, terms.quantiles)


def _to_the_end(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: _Terms) -> Decision:
    """A training to its end: of the paused trial that promises most, or of a new one that promises more."""
    end = len(FRACTIONS) - 1
    if final_losses.begins(model.evidence, mislead=False):
        busy = np.ones(len(model.evidence.final), dtype=bool)
        busy[waiting] = False
        learned = final_losses.learn(model, busy, space.rate_index, rng)
        if learned.is_smooth():
            step = learned.next(waiting, space, rng, terms.quantiles)
            kind: Literal["new", "resume"] = "new" if step.trial is None else "resume"
            return Decision(kind, step.point, step.trial, end, "the most improvement expected by others' final losses")
    new = best_new(model, space, rng, quantiles=terms.quantiles)
    if len(waiting):
        gains = _gains(model, waiting)
        if gains.max() > new.gain:
            trial = int(waiting[np.argmax(gains)])
            return Decision("resume", None, trial, end, _forecast(model, trial))
    return Decision("new", new.point, None, end, "the most improvement expected")


def _by_rank(model: Model, waiting: Ints, terms: _Terms, least: int) -> Decision | None:
    """The furthest of those that lead their rung goes on to the next; None where none does."""
    evidence, rungs = model.evidence, rungs_of(model.evidence)
    ahead = leading(evidence, waiting, rungs, least)
    if not len(ahead) and terms.insists and not terms.fresh:
        ahead = waiting
    if not len(ahead):
        return None
    reached = evidence.reached[ahead]
    there = evidence.curves[ahead, reached]
    first = int(np.lexsort((there, -reached))[0])
    trial, until = int(ahead[first]), next(rung for rung in rungs if rung > reached[first])
    return Decision("resume", None, trial, until, f"leads its rung; {_forecast(model, trial)}")


def _gains(model: Model, waiting: Ints) -> Floats:
    """Log expected improvement of finishing each paused trial, shape (m,)."""
    evidence = model.evidence
    mean, sd = model.process.predict(evidence.cube[waiting])
    safe = model.stability.safe(evidence.cube[waiting])
    gains: Floats = log_improvement(mean, sd, model.best) + np.log(np.maximum(safe, 1e-9))
    return gains


def _forecast(model: Model, trial: int) -> str:
    """The trial's rank by its forecast."""
    known = model.ends[np.isfinite(model.ends)]
    rank = int((known < model.ends[trial]).sum()) + 1
    at = FRACTIONS[model.evidence.reached[trial]]
    return f"forecast from {at:.0%} of a training: rank {rank} of {len(known)}, ± {np.sqrt(model.variances[trial]):.2f}"
