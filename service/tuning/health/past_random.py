"""Is the search past random?

The latest trials against the first ones, which nearly all samplers draw without knowing anything. If nothing was
learnt, either of a pair is as often the better one, whatever stops or ends them (`comparison`), and the share of pairs
that the latest win varies by sqrt((n + m + 1) / 12nm) around a half (Mann and Whitney 1947).
"""

import math

import numpy as np

from lrtune.service.sentences.health import past_random as say
from lrtune.service.sentences.health.common import all_alike, too_few_to_compare
from lrtune.service.tuning.health.evidence import Evidence
from lrtune.service.wire.health import HealthCard

_BY_DESIGN = ("random", "qmc", "grid", "bruteforce")
_FEWEST = 20
_FEWEST_TO_DENY = 40
_MOST_FIRST, _LEAST_FIRST, _MOST_LATEST = 30, 8, 60
_SURE, _NOT_EVEN = 1.645, 1.4
"""Standard errors above a half: from the one it is past random, below the other there is no sign of it. Of searches
that stay random 5 % reach the one, and 8 % the other."""
_SURELY_WORSE = 2.33
"""Standard errors below a half: 1 % of searches that stay random get so far."""


def past_random(evidence: Evidence) -> HealthCard:
    """The card."""

    def card(state: str, says: str, remedy: str = "", trials: list[int] | None = None) -> HealthCard:
        fields = {"question": say.PAST_RANDOM, "state": state, "says": says, "remedy": remedy, "trials": trials or []}
        return HealthCard.model_validate(fields)

    sampler = evidence.spec.sampler.name
    if sampler in _BY_DESIGN:
        return card("unknown", say.draws_by_design(sampler))
    found = evidence.comparison
    count = len(found.trials)
    if count < _FEWEST:
        return card("unknown", too_few_to_compare(count, _FEWEST))
    first = min(_MOST_FIRST, max(_LEAST_FIRST, count // 3))
    latest = min(_MOST_LATEST, count - first)
    pairs = found.wins[count - latest :, :first]
    if np.isnan(pairs).all() or (np.nan_to_num(found.wins, nan=0.5) == 0.5).all():
        return card("unknown", all_alike(count))
    share = float(np.nanmean(pairs))
    sure = (share - 0.5) / math.sqrt((first + latest + 1) / (12 * first * latest))
    if sure >= _SURE:
        return card("good", say.beats_first(latest, first, share, settled=True, prior=False))
    if evidence.has_prior and sure <= -_SURELY_WORSE:
        shown = [trial.number for trial in found.trials[-5:]]
        return card("look", say.worse_than_first(latest, first, share), say.learn_something(), shown)
    if evidence.has_prior or count < _FEWEST_TO_DENY or sure >= _NOT_EVEN:
        return card("unknown", say.beats_first(latest, first, share, settled=False, prior=evidence.has_prior))
    shown = [trial.number for trial in found.trials[-5:]]
    return card("look", say.not_past_random(latest, first, share), say.learn_something(), shown)
