"""A suggestion that rests on short trainings, while full ones are few."""

import logging

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.fidelity.ladder import conclude
from lrtune.service.tuning.suggesting.answers import draft
from lrtune.service.tuning.suggesting.seen import Seen
from lrtune.service.wire.studies import Suggestion

_log = logging.getLogger(__name__)

_ENOUGH = 5
"""Complete trials, most of them short, from which on the ladder answers."""

_ENOUGH_PAST = 12
"""Complete full trainings that say more than the ladder with the same ones: docs/explanation/ladder.md."""


def from_ladder(seen: Seen) -> Suggestion | None:
    """By the ladder: from its fifth training on, until there are so many full trainings that they say more."""
    if seen.ladder is None or seen.complete >= _ENOUGH_PAST:
        return None
    try:
        found = conclude(seen.spec, seen.ladder.trials, seen.ladder.system_attrs)
    except Exception:  # A suggestion is never an error.
        _log.exception("the ladder of %s has no answer; suggesting without it", seen.spec.name)
        return None
    if found.interval is None or seen.name is None or seen.complete + seen.short < _ENOUGH:
        return None
    bound = draft.at_bound(seen, found.learning_rate)
    return draft.suggestion(
        seen,
        None,
        learning_rate=found.learning_rate,
        interval=found.interval,
        params={seen.name: found.learning_rate},
        expected_value=None if found.expected_loss is None else found.expected_loss + 0.0,
        basis="posterior",
        trials=sum(seen.known[:3]),
        told=[
            sentences.near_best(*found.interval),
            sentences.rests_on(found.explanation),
            draft.own_rate_told(seen, found.learning_rate),
        ],
        warnings=[] if bound is None else [bound],
    )
