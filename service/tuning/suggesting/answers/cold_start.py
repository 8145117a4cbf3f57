"""What to train with before trials answer: by range tests, past studies, what is usual."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lrtune.service.rates.starting_rates import starting_rate
from lrtune.service.sentences import beforehand as sentences
from lrtune.service.sentences.suggestion import diverged
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.state.rate_prior import RatePrior
from lrtune.service.tuning.suggesting import range_test_prior
from lrtune.service.tuning.suggesting.bounds import bounds_of, cut, typical_value
from lrtune.service.tuning.suggesting.seen import Seen, has_diverged
from lrtune.service.wire.search_space import (
    CategoricalParameter,
    Parameter,
    is_active,
    sampling_order,
)
from lrtune.service.wire.studies import Suggestion

_INTERVAL_SDS = 1.2816
"""80 % of a normal distribution lie so many standard deviations around its mean."""

_BELOW_DECADES = 0.5
"""So far below the lowest rate that diverged a rate is tried where none has trained yet."""


@dataclass(frozen=True)
class _Answer:
    rate: float
    interval: tuple[float, float]
    told: tuple[str, ...]
    basis: str
    largest_stable: float | None


def suggest_beforehand(seen: Seen, reason: str) -> Suggestion:
    """The suggestion where the study's trials give none; `reason` says why they do not."""
    tested, tagged = range_test_prior.optimizer_tested(seen.tests), seen.spec.tags.get("optimizer")
    space = seen.spec.search_space
    params = _typical(space, tested or tagged or _first_choice(space), tested)
    shown: dict[str, Any] = {"learning_rate": None, "interval": None, "basis": "prior"}
    stable: float | None = None
    told: tuple[str, ...] = (sentences.no_rate(),)
    if seen.name is not None:
        params.pop(seen.name, None)
        chosen = params.get("optimizer", tested or tagged)
        answer = _answer(seen, str(chosen).lower() if chosen is not None else "")
        low, high = bounds_of(space[seen.name])
        rate = params[seen.name] = cut(answer.rate, low, high)
        ends = cut(answer.interval[0], low, high), cut(answer.interval[1], low, high)
        shown = {"learning_rate": rate, "interval": ends, "basis": answer.basis}
        told = answer.told if rate == answer.rate else (*answer.told, sentences.cut(rate, low, high))
        stable = _edge(seen, params, answer, rate)
        told = told if seen.finished == seen.diverged else (*told, diverged(seen.diverged, None))
    return Suggestion.model_validate(
        shown
        | {
            "max_stable_learning_rate": stable,
            "params": params,
            "expected_value": None,
            "trials": seen.finished,
            "explanation": paragraph([reason, *told]),
        }
    )


def _edge(seen: Seen, params: Mapping[str, Any], answer: _Answer, rate: float) -> float | None:
    """Where training was seen to diverge, in trials, else in range tests; None where that is below the `rate`: what
    diverged did so for another reason."""
    seen_in_trials = None if seen.stability is None else seen.stability.known_edge(seen.categories_of(params))
    edge = answer.largest_stable if seen_in_trials is None else seen_in_trials
    return None if edge is None or edge < rate else edge


def told_beforehand(seen: Seen, params: Mapping[str, Any]) -> tuple[str, ...]:
    """What was known of the learning rate before any training, for an answer that rests on more."""
    chosen = params.get("optimizer", range_test_prior.optimizer_tested(seen.tests) or seen.spec.tags.get("optimizer"))
    return _answer(seen, str(chosen).lower() if chosen is not None else "").told


def _answer(seen: Seen, optimizer: str) -> _Answer:
    """The rate by the range tests and the prior; never one at which the study's own trials diverged."""
    stable = None if seen.stability is None else seen.stability.largest_stable({})
    prior = seen.prior.get(optimizer) or seen.prior.get("")
    tested = range_test_prior.prior(seen.tests, optimizer or None, stable)
    if tested is not None and prior is not None:
        rate = math.sqrt(tested.rate) * math.sqrt(prior.median)
        ends = rate / range_test_prior.SPREAD, max(rate, min(rate * range_test_prior.SPREAD, tested.interval[1]))
        told = (*tested.told, prior.told, sentences.halfway(rate))
        return _below_diverged(seen, optimizer, _Answer(rate, ends, told, "range_test", tested.largest_stable))
    if tested is not None:
        return _Answer(tested.rate, tested.interval, tested.told, "range_test", tested.largest_stable)
    if prior is not None:
        answer = _Answer(prior.median, interval_of(prior), (prior.told,), "prior", stable)
    else:
        usual = starting_rate(optimizer, seen.spec.tags.get("family"))
        answer = _Answer(usual.learning_rate, usual.interval, (usual.told,), "prior", stable)
    return _below_diverged(seen, optimizer, answer)


def _below_diverged(seen: Seen, optimizer: str, answer: _Answer) -> _Answer:
    """The answer, half a decade below the lowest rate that diverged with this optimizer, if it is not lower by itself.
    Nothing changes where others trained at higher rates: what diverged did not for its rate alone."""
    alike = [
        (float(trial.params[seen.name]), has_diverged(trial))
        for trial in seen.trials
        if seen.name in trial.params and str(trial.params.get("optimizer", optimizer)).lower() == optimizer
    ]
    lowest = min((rate for rate, lost in alike if lost), default=math.inf)
    if any(rate >= lowest for rate, lost in alike if not lost):
        return answer
    most = max((rate for rate, lost in alike if not lost), default=0.0)
    limit = max(lowest / 10**_BELOW_DECADES, most)
    if answer.rate <= limit:
        return replace(answer, interval=(answer.interval[0], min(answer.interval[1], max(limit, answer.rate))))
    low = answer.interval[0] * limit / answer.rate
    told = (*answer.told, sentences.below_diverged(lowest, limit))
    return replace(answer, rate=limit, interval=(low, limit), told=told)


def interval_of(prior: RatePrior) -> tuple[float, float]:
    """The middle 80 % of a prior."""
    factor = 10 ** (_INTERVAL_SDS * prior.spread_decades)
    return prior.median / factor, prior.median * factor


def _first_choice(space: Mapping[str, Parameter]) -> str | None:
    choices = space.get("optimizer")
    return str(choices.choices[0]) if isinstance(choices, CategoricalParameter) else None


def _typical(space: Mapping[str, Parameter], optimizer: str | None, tested: str | None) -> dict[str, Any]:
    """The middle of each parameter that exists; the first choice of a categorical one; the optimizer that was tested,
    else `optimizer`, else one that begins at the same rate."""
    params: dict[str, Any] = {}
    for name in sampling_order(space):
        parameter = space[name]
        if not is_active(parameter, params):
            continue
        if isinstance(parameter, CategoricalParameter):
            alike = _alike(parameter.choices, optimizer) if name == "optimizer" else []
            chosen = name == "optimizer" and tested in parameter.choices
            params[name] = tested if chosen else (alike or parameter.choices)[0]
        else:
            params[name] = typical_value(parameter)
    return params


def _alike(choices: Sequence[Any], optimizer: str | None) -> list[Any]:
    """The optimizer itself, else those of its family, else those that begin at its rate."""
    usual = starting_rate(optimizer)
    rates = [(choice, starting_rate(str(choice))) for choice in choices]
    return (
        [choice for choice in choices if str(choice).lower() == (optimizer or "").lower()]
        or [choice for choice, rate in rates if rate == usual]
        or [choice for choice, rate in rates if rate.learning_rate == usual.learning_rate]
    )
