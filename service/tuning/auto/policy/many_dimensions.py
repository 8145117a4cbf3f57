"""Many dimensions: by ranks, as far as they can be trusted, and a share of the steps by final losses."""

from typing import Literal

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Ints
from lrtune.service.tuning.auto.policy import final_losses
from lrtune.service.tuning.auto.policy.decision import Decision, Terms, forecast_told, gains_of
from lrtune.service.tuning.auto.policy.pairwise_ranks import promising
from lrtune.service.tuning.auto.policy.rungs import leading, misled, rungs_of
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.acquisition import at_large, best_new
from lrtune.service.tuning.auto.surrogate.model import Model

_UNIFORM_SHARE = 0.1


def decide(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: Terms) -> Decision:
    """A share of the steps by final losses, and all of them where early ranks mislead; else whatever
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
        return Decision("new", at_large(model.odds, space, rng), None, until, "a point at large")
    new = promising(model, space, rng, quantiles=terms.quantiles)
    return Decision("new", new.point, None, until, "likely to lead the others")


def _by_final_losses(
    model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: Terms, *, always: bool
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


def _to_the_end(model: Model, waiting: Ints, space: Space, rng: np.random.Generator, terms: Terms) -> Decision:
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
        gains = gains_of(model, waiting)
        if gains.max() > new.gain:
            trial = int(waiting[np.argmax(gains)])
            return Decision("resume", None, trial, end, forecast_told(model, trial))
    return Decision("new", new.point, None, end, "the most improvement expected")


def _by_rank(model: Model, waiting: Ints, terms: Terms, least: int) -> Decision | None:
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
    return Decision("resume", None, trial, until, f"leads its rung; {forecast_told(model, trial)}")
