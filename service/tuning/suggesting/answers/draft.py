"""What all suggestions that rest on trials share."""

from collections.abc import Iterable
from typing import Any

from lrtune.service.sentences import suggestion as sentences
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.history.plateau import NEAR_BEST
from lrtune.service.tuning.state.space.params import possible_value_of
from lrtune.service.tuning.suggesting.bounds import bounds_of
from lrtune.service.tuning.suggesting.seen import Seen
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.studies import Suggestion

AT_BOUND = 1.01
"""So near a bound, a factor, a rate is at it."""

_TRUSTED = 0.8
"""How likely a rate must be to train without diverging, to be suggested before a slightly better one."""


def trustworthy(seen: Seen) -> Finalist:
    """The best configuration; where it trained at a rate that would rather diverge next time, the best of those that
    came near it and would not."""
    best = seen.finalists[0]
    if seen.name is None or seen.stability is None:
        return best
    assert seen.middle is not None
    near = best.loss + NEAR_BEST * max(seen.middle - best.loss, 0.0)
    for one in seen.finalists:
        rate = one.params.get(seen.name)
        if one.loss > near or one.trainings < min(best.trainings, 2):
            break
        categories = seen.categories_of(one.params)
        if rate is not None and seen.stability.probability_stable(rate, categories) >= _TRUSTED:
            return one
    return best


def best_told(seen: Seen, best: Finalist) -> str:
    """Which trial is meant, and why."""
    first, metric = seen.finalists[0], seen.spec.measured
    if best is not first:
        return sentences.safest(
            best.number, metric, seen.value(best.loss), better=first.number, better_value=seen.value(first.loss)
        )
    return sentences.best(
        best.number,
        metric,
        seen.value(best.loss),
        finished=seen.finished,
        complete=seen.all_complete,
        trainings=best.trainings,
    )


def best_rate(seen: Seen) -> float | None:
    """The best trial's own learning rate; None without."""
    rate = seen.finalists[0].params.get(seen.name) if seen.finalists and seen.name is not None else None
    return None if rate is None else float(rate)


def own_rate_told(seen: Seen, suggested: float) -> str:
    """The best trial's own rate, where it is another than the one `suggested`."""
    own = best_rate(seen)
    return "" if own is None else sentences.own_rate(suggested, seen.finalists[0].number, own)


def possible(seen: Seen, rates: tuple[float, float]) -> tuple[float, float]:
    """The rates within their bounds and on their steps, as they are answered: what is told of them is of these."""
    assert seen.name is not None
    low, high = (float(possible_value_of(seen.spec.search_space[seen.name], rate)) for rate in rates)
    return low, high


def at_bound(seen: Seen, rate: float) -> str | None:
    """The warning that a `rate` is at a bound; None where it is not."""
    assert seen.name is not None
    low, high = bounds_of(seen.spec.search_space[seen.name])
    for bound, reached in ((low, rate <= low * AT_BOUND), (high, rate >= high / AT_BOUND)):
        if reached:
            return sentences.widen(seen.name, upper=bound == high, bound=bound)
    return None


def suggestion(
    seen: Seen, best: Finalist | None, *, told: Iterable[str], warnings: Iterable[str] = (), **fields: Any
) -> Suggestion:
    """The suggestion with these `fields`, with what is `told` of it, and where training stops being stable for
    parameters like those of `best`."""
    edge, suggested = None, fields.get("learning_rate")
    if seen.stability is not None:
        edge = seen.stability.known_edge({} if best is None else seen.categories_of(best.params))
    if edge is not None and suggested is not None and suggested > edge:
        edge = None  # What diverged did so at rates below those that train: that is no largest stable one.
    shown = {
        "trials": seen.finished,
        "best_learning_rate": best_rate(seen),
        "max_stable_learning_rate": edge,
        "explanation": paragraph([*told, sentences.diverged(seen.diverged, edge) if seen.name else ""]),
        "warnings": list(warnings),
    }
    return Suggestion.model_validate(shown | fields)
