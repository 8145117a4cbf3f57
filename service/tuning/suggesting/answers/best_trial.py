"""A suggestion that rests on the best of few trials, or on the best along a rate that is not on a log scale."""

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.tuning.history.plateau import plateau
from lrtune.service.tuning.suggesting.answers import draft
from lrtune.service.tuning.suggesting.bounds import bounds_of
from lrtune.service.tuning.suggesting.seen import ENOUGH, Seen
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.studies import Suggestion


def from_best(seen: Seen, best: Finalist, rate: float) -> Suggestion:
    """The best trial's own `rate`, with the interval between its neighbours that did worse."""
    assert seen.name is not None
    categories = seen.categories_of(best.params)
    points = seen.points(seen.name, categories)
    bounds = bounds_of(seen.spec.search_space[seen.name])
    interval = draft.possible(seen, plateau(points, rate, *bounds))
    few = seen.complete < ENOUGH
    open_ended = interval[0] == bounds[0] or interval[1] == bounds[1]
    worse = len({point.learning_rate for point in points}) > 1
    bound = None if few else draft.at_bound(seen, rate)
    return draft.suggestion(
        seen,
        best,
        learning_rate=rate,
        interval=interval,
        params=dict(best.params),
        expected_value=seen.value(best.loss),
        basis="best_trial",
        told=[
            sentences.too_few(seen.all_complete, ENOUGH) if few else "",
            draft.best_told(seen, best),
            draft.own_rate_told(seen, rate),
            sentences.halfway(*interval, open_ended=open_ended) if worse else sentences.alone(),
            sentences.setting(categories),
        ],
        warnings=[] if bound is None else [bound],
    )


def with_a_missing_rate(seen: Seen, best: Finalist) -> Suggestion:
    """The best trial has no learning rate: it exists only beside other choices."""
    return draft.suggestion(
        seen,
        best,
        learning_rate=None,
        interval=None,
        params=dict(best.params),
        expected_value=seen.value(best.loss),
        basis="best_trial",
        told=[draft.best_told(seen, best)],
    )
