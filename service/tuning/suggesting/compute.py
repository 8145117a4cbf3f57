"""Working a suggestion out from what was read of a study: which answer it gets, and what goes with it."""

from dataclasses import replace

from lrtune.service.sentences import beforehand
from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.state.folds import with_means
from lrtune.service.tuning.suggesting.answers.along_rate import along_rate, from_posterior
from lrtune.service.tuning.suggesting.answers.best_trial import from_best, with_a_missing_rate
from lrtune.service.tuning.suggesting.answers.cold_start import suggest_beforehand
from lrtune.service.tuning.suggesting.answers.difference import Indifferent, made_no_difference
from lrtune.service.tuning.suggesting.answers.draft import trustworthy
from lrtune.service.tuning.suggesting.answers.ladder import from_ladder
from lrtune.service.tuning.suggesting.answers.notes import noted
from lrtune.service.tuning.suggesting.answers.unfinished import curves_of, from_unfinished
from lrtune.service.tuning.suggesting.answers.without_rate import without_rate
from lrtune.service.tuning.suggesting.seen import ENOUGH, Known, Seen, categories_of
from lrtune.service.tuning.suggesting.takeable import takeable
from lrtune.service.wire.studies import Suggestion

__all__ = ["Known", "Seen", "categories_of", "work_out"]

_SAME = 1e-9
"""Losses that differ by less, relative to their size, are the same."""


def work_out(seen: Seen) -> Suggestion:
    """The suggestion. Touches nothing that is shared; up to 50 ms."""
    seen = replace(seen, trials=with_means(seen.spec, seen.trials))
    indifferent = made_no_difference(seen)
    found = noted(seen, _answer(seen, indifferent), indifferent)
    return takeable(seen.spec.search_space, seen.name, found)


def _answer(seen: Seen, indifferent: Indifferent | None) -> Suggestion:
    climbed = from_ladder(seen)
    if climbed is not None:
        return climbed
    if seen.complete < ENOUGH:
        early = from_unfinished(seen)
        if early is not None:
            return early
    if not seen.finalists:
        return suggest_beforehand(seen, _none_complete(seen))
    if seen.name is None:
        return without_rate(seen, same=_all_the_same(seen))
    if _all_the_same(seen):
        value = seen.value(seen.finalists[0].loss)
        return suggest_beforehand(seen, sentences.all_the_same(seen.all_complete, seen.spec.measured, value))
    best = trustworthy(seen)
    rate = best.params.get(seen.name)
    if rate is None:
        return with_a_missing_rate(seen, best)
    found = along_rate(seen, seen.trials, best.params) if seen.complete >= ENOUGH else None
    if found is None:
        return from_best(seen, best, float(rate))
    if indifferent is not None:  # Whatever a model makes of it, any of the rates will do.
        found = replace(found, interval=indifferent.between(found.learning_rate))
    return from_posterior(seen, best, found)


def _none_complete(seen: Seen) -> str:
    lost = seen.lowest_diverged
    if lost is not None and seen.diverged == seen.finished:
        return beforehand.all_diverged(seen.diverged, lost)
    under_way = 0 if seen.name is None else len(curves_of(seen))
    return beforehand.none_complete(failed=seen.failed, short=bool(seen.short), under_way=under_way)


def _all_the_same(seen: Seen) -> bool:
    """Whether no complete trial is better than another, of two at least."""
    best = seen.finalists[0].loss
    return (
        seen.worst is not None
        and seen.all_complete > 1
        and seen.worst - best <= _SAME * max(abs(seen.worst), abs(best))
    )
