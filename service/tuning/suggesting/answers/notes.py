"""What is said beside a suggestion, whatever it rests on: of its search space, and of rates that make no difference."""

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.suggesting.answers.difference import Indifferent
from lrtune.service.tuning.suggesting.bounds import bounds_of
from lrtune.service.tuning.suggesting.seen import Seen
from lrtune.service.tuning.suggesting.space_warnings import warnings_of_space
from lrtune.service.wire.studies import Suggestion

_NEAR_BOUND = 10.0
"""All diverged down to this factor of the lower bound: the bound is in the way."""


def noted(seen: Seen, found: Suggestion, indifferent: Indifferent | None) -> Suggestion:
    """The suggestion with the warnings that it deserves beside its own; its explanation ends with all of them."""
    warnings = [*found.warnings, *_all_diverged(seen)]
    if indifferent is not None:
        warnings.append(sentences.no_difference(indifferent.name, indifferent.trials, indifferent.decades))
    warnings += warnings_of_space(seen.spec.search_space)
    if not warnings:
        return found
    explanation = paragraph([found.explanation, *warnings])
    return found.model_copy(update={"warnings": warnings, "explanation": explanation})


def _all_diverged(seen: Seen) -> list[str]:
    """Where every training diverged, down to the lower bound."""
    if seen.name is None or seen.diverged < 2 or seen.finished != seen.diverged:
        return []
    lowest, (low, _) = seen.lowest_diverged, bounds_of(seen.spec.search_space[seen.name])
    if lowest is None or lowest > low * _NEAR_BOUND:
        return []
    return [sentences.lower_bound(seen.name, lowest, low)]
