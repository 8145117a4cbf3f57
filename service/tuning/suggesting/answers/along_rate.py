"""A suggestion that rests on the posterior along the rate."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.suggesting.answers import draft
from lrtune.service.tuning.suggesting.bounds import bounds_of
from lrtune.service.tuning.suggesting.posterior.posterior import Posterior, posterior
from lrtune.service.tuning.suggesting.seen import Seen
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.studies import Suggestion

_log = logging.getLogger(__name__)

_VAGUE = 0.6
"""An interval over so much of the searched range says little."""


def along_rate(seen: Seen, trials: Sequence[FrozenTrial], params: Mapping[str, Any]) -> Posterior | None:
    """The posterior from these `trials`, the other parameters as in `params`; None where there is none."""
    assert seen.name is not None
    try:
        return posterior(
            trials,
            seen.distributions,
            params,
            seen.name,
            maximizes=seen.maximizes,
            max_steps=seen.spec.max_steps,
        )
    except Exception:  # A suggestion is never an error.
        _log.exception("no posterior over the learning rate of %s; suggesting without one", seen.spec.name)
        return None


def from_posterior(seen: Seen, best: Finalist, found: Posterior) -> Suggestion:
    """The centre of the plateau with its interval."""
    assert seen.name is not None
    categories = seen.categories_of(best.params)
    interval = draft.possible(seen, found.interval)
    return draft.suggestion(
        seen,
        best,
        learning_rate=found.learning_rate,
        interval=interval,
        params={**best.params, seen.name: found.learning_rate},
        expected_value=seen.value(found.expected_loss),
        basis="posterior",
        told=[
            sentences.near_best(*interval),
            sentences.setting(categories),
            draft.best_told(seen, best),
            draft.own_rate_told(seen, found.learning_rate),
        ],
        warnings=warnings_of(seen, found),
    )


def warnings_of(seen: Seen, found: Posterior) -> list[str]:
    """What is to be done about it: search or try beyond an end, train more."""
    assert seen.name is not None
    low, high = bounds_of(seen.spec.search_space[seen.name])
    if found.at_bound is not None:
        upper = found.at_bound == "high"
        return [sentences.widen(seen.name, upper=upper, bound=high if upper else low)]
    if found.beyond is not None and found.last_tried is not None:
        upper = found.beyond == "high"
        maximized = seen.spec.measured if seen.spec.direction == "maximize" else None
        return [sentences.try_on(upper=upper, last=found.last_tried[upper], maximized=maximized)]
    return [sentences.vague(seen.name)] if found.share > _VAGUE else []
