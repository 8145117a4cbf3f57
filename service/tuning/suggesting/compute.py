"""Working a suggestion out from what was read of a study."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import OUTCOME_ATTR
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.fidelity.ladder import conclude
from lrtune.service.tuning.history.plateau import NEAR_BEST, Point, plateau
from lrtune.service.tuning.state.rate_prior import RatePrior
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.suggesting.cold_start import Beginning, bounds_of, suggest_beforehand
from lrtune.service.tuning.suggesting.posterior import Posterior, posterior
from lrtune.service.tuning.suggesting.stability import stability_of_trials
from lrtune.service.tuning.suggesting.takeable import takeable
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.range_tests import KeptRangeTest
from lrtune.service.wire.search_space import CategoricalParameter, Parameter
from lrtune.service.wire.studies import StudySpec, Suggestion

_log = logging.getLogger(__name__)

_ENOUGH = 4
"""Complete trials that make a posterior; with fewer, the best of them is suggested."""

_ENOUGH_OF_LADDER = 5
"""Complete trials, most of them short, from which on the ladder answers."""

_ENOUGH_PAST_LADDER = 12
"""Complete full trainings that say more than the ladder with the same ones: docs/explanation/ladder.md."""

_AT_BOUND = 1.01

_TRUSTED = 0.8
"""How likely a rate must be to train without diverging, to be suggested before a slightly better one."""

_VAGUE = 0.9
"""An interval over so much of the searched range says nothing."""

Known = tuple[int, ...]
"""Complete, pruned and diverged trials, and range tests: what a suggestion knows of."""


@dataclass(frozen=True)
class Seen:
    """What a suggestion rests on. `trials` are the ended ones of a window; `middle` is the median loss of all."""

    known: Known
    spec: StudySpec
    name: str | None
    trials: Sequence[FrozenTrial]
    finalists: Sequence[Finalist]
    middle: float | None
    distributions: Mapping[str, BaseDistribution]
    maximizes: bool
    tests: Sequence[KeptRangeTest]
    prior: Mapping[str, RatePrior]
    short: int = 0
    """Complete trials that were short trainings; none of them is in `trials` or `finalists`."""
    ladder: Snapshot | None = None
    """What the ladder rests on, once a short training is complete."""

    @cached_property
    def stability(self) -> StabilityModel | None:
        """How likely learning rates are to train without diverging; None without a learning rate."""
        return stability_of_trials(self.trials, self.spec, self.name)

    @property
    def finished(self) -> int:
        """Complete, pruned and diverged trials of the study, without the short ones."""
        return sum(self.known[:3]) - self.short

    @property
    def diverged(self) -> int:
        """Diverged trials of the study."""
        return self.known[2]


def work_out(seen: Seen) -> Suggestion:
    """The suggestion. Touches nothing that is shared; up to 50 ms."""
    return takeable(seen.spec.search_space, seen.name, _work_out(seen))


def _work_out(seen: Seen) -> Suggestion:
    climbed = _from_ladder(seen) if seen.ladder is not None else None
    if climbed is not None:
        return climbed
    if not seen.finalists:
        return _beforehand(seen, "no trial is complete yet" + (" but short ones" if seen.short else ""))
    losses = [one.loss for one in seen.finalists]
    if seen.name is not None and len(losses) >= _ENOUGH and losses[0] == losses[-1] == seen.middle:
        same = (
            f"no answer yet: the best {len(losses)} trials have the same {seen.spec.metric}, {_shown(seen, losses[0])}"
        )
        return _beforehand(seen, same)
    best = _trustworthy(seen)
    rate = best.params.get(seen.name) if seen.name is not None else None
    if seen.name is None or rate is None:
        return _from_best(seen, best, None, None)
    complete = sum(t.state is TrialState.COMPLETE for t in seen.trials)
    found = None
    if complete >= _ENOUGH:
        try:
            found = posterior(
                seen.trials,
                seen.distributions,
                best.params,
                seen.name,
                maximizes=seen.maximizes,
                max_steps=seen.spec.max_steps,
            )
        except Exception:  # A suggestion is never an error.
            _log.exception("no posterior over the learning rate of %s; suggesting its best trial", seen.spec.name)
    if found is not None:
        return _from_posterior(seen, best, found)
    low, high = bounds_of(seen.spec.search_space[seen.name])
    points = _points(seen, seen.name, categories_of(best.params, seen.spec.search_space))
    return _from_best(seen, best, rate, plateau(points, rate, low, high))


def _from_ladder(seen: Seen) -> Suggestion | None:
    """By the ladder: from its fifth training on, until there are so many full trainings that they say more."""
    full = sum(t.state is TrialState.COMPLETE for t in seen.trials)
    if seen.ladder is None or full >= _ENOUGH_PAST_LADDER:
        return None
    try:
        found = conclude(seen.spec, seen.ladder.trials, seen.ladder.system_attrs)
    except Exception:  # A suggestion is never an error.
        _log.exception("the ladder of %s has no answer; suggesting without it", seen.spec.name)
        return None
    if found.interval is None or seen.name is None or full + seen.short < _ENOUGH_OF_LADDER:
        return None
    low, high = found.interval
    bounds = bounds_of(seen.spec.search_space[seen.name])
    warnings = []
    if found.learning_rate <= bounds[0] * _AT_BOUND or found.learning_rate >= bounds[1] / _AT_BOUND:
        place = int(found.learning_rate >= bounds[1] / _AT_BOUND)
        side = ("lower", "upper")[place]
        warnings.append(f"the best {seen.name} is at its {side} bound, {bounds[place]:g}: widen it")
    told = f"some near-best rate lies between {low:.2g} and {high:.2g} (80 %): {found.explanation}"
    edge = None if seen.stability is None else seen.stability.largest_stable({})
    if seen.diverged:
        told += _diverged_told(seen, edge)
    return Suggestion(
        learning_rate=found.learning_rate,
        interval=found.interval,
        max_stable_learning_rate=edge,
        params={seen.name: found.learning_rate},
        expected_value=found.expected_loss,
        basis="posterior",
        trials=sum(seen.known[:3]),
        explanation="; ".join([told, *warnings]),
        warnings=warnings,
    )


def _beforehand(seen: Seen, reason: str) -> Suggestion:
    tagged = seen.spec.tags.get("optimizer")
    space = seen.spec.search_space
    known = Beginning(space, tagged, seen.name, seen.tests, seen.stability, seen.finished, seen.prior)
    return suggest_beforehand(known, reason=reason)


def _trustworthy(seen: Seen) -> Finalist:
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
        categories = categories_of(one.params, seen.spec.search_space)
        if rate is not None and seen.stability.probability_stable(rate, categories) >= _TRUSTED:
            return one
    return best


def _from_posterior(seen: Seen, best: Finalist, found: Posterior) -> Suggestion:
    assert seen.name is not None
    low, high = found.interval
    categories = categories_of(best.params, seen.spec.search_space)
    where = f"some near-best rate lies between {low:.2g} and {high:.2g} (80 %){_beside(categories)}"
    warnings = []
    if found.at_bound is not None:
        bounds = bounds_of(seen.spec.search_space[seen.name])
        warnings.append(
            f"the best {seen.name} is at its {'lower' if found.at_bound == 'low' else 'upper'} bound, "
            f"{bounds[found.at_bound == 'high']:g}: widen it"
        )
    elif found.share > _VAGUE:
        warnings.append(f"no clear answer yet: the interval is nearly all of the searched range of {seen.name}")
    return _suggestion(
        seen,
        best,
        learning_rate=found.learning_rate,
        interval=found.interval,
        params={**best.params, seen.name: found.learning_rate},
        expected_value=-found.expected_loss if seen.maximizes else found.expected_loss,
        basis="posterior",
        explanation="; ".join([f"{where}: {_best_told(seen, best)}", *warnings]),
        warnings=warnings,
    )


def _from_best(seen: Seen, best: Finalist, rate: float | None, interval: tuple[float, float] | None) -> Suggestion:
    explanation = _best_told(seen, best)
    if interval is not None:
        beside = _beside(categories_of(best.params, seen.spec.search_space))
        explanation += f"; rates from {interval[0]:.2g} to {interval[1]:.2g}{beside} come near it"
    return _suggestion(
        seen,
        best,
        learning_rate=rate,
        interval=interval,
        params=dict(best.params),
        expected_value=-best.loss if seen.maximizes else best.loss,
        basis="best_trial",
        explanation=explanation,
    )


def _suggestion(seen: Seen, best: Finalist, *, explanation: str, **fields: Any) -> Suggestion:
    largest = None
    if seen.stability is not None:
        largest = seen.stability.largest_stable(categories_of(best.params, seen.spec.search_space))
    if seen.diverged and seen.stability is not None:
        explanation += _diverged_told(seen, largest)
    fields |= {"max_stable_learning_rate": largest, "trials": seen.finished, "explanation": explanation}
    return Suggestion.model_validate(fields)


def _diverged_told(seen: Seen, largest: float | None) -> str:
    edge = "" if largest is None else f"; above about {largest:.2g} training tends to"
    return f"; {seen.diverged} {'run' if seen.diverged == 1 else 'runs'} diverged{edge}"


def _best_told(seen: Seen, best: Finalist) -> str:
    first = best is seen.finalists[0]
    claim = "has the best" if first else "is the best that is safe from diverging, with"
    mean = f" (mean of {best.trainings} trainings)" if best.trainings > 1 else ""
    shown = f"{seen.spec.metric}, {_shown(seen, best.loss)}{mean}"
    return f"trial {best.number} {claim} {shown}, of {seen.finished} finished trials"


def _shown(seen: Seen, loss: float) -> str:
    return f"{-loss if seen.maximizes else loss:.6g}"


def _points(seen: Seen, name: str, categories: Mapping[str, Any]) -> list[Point]:
    sign = -1.0 if seen.maximizes else 1.0
    points = []
    for trial in seen.trials:
        rate = trial.params.get(name)
        if rate is None or any(trial.params.get(key) != value for key, value in categories.items()):
            continue
        if trial.system_attrs.get(OUTCOME_ATTR) == "diverged":
            points.append(Point(rate, float("inf")))
        elif trial.values:
            points.append(Point(rate, sign * trial.values[0]))
    return points


def categories_of(params: Mapping[str, Any], space: Mapping[str, Parameter]) -> dict[str, Any]:
    """The optimizer and its like: the text-valued choices, which move the best rate most."""
    return {
        name: value
        for name, value in params.items()
        if isinstance(space.get(name), CategoricalParameter) and isinstance(value, str)
    }


def _beside(categories: Mapping[str, Any]) -> str:
    return f" with {', '.join(f'{k}={v}' for k, v in categories.items())}" if categories else ""
