"""What to train with before the first complete trial: range tests, past studies, what is usual."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrtune.service.rates.starting_rates import starting_rate
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.state.rate_prior import RatePrior
from lrtune.service.tuning.suggesting import range_test_prior
from lrtune.service.wire.range_tests import KeptRangeTest
from lrtune.service.wire.search_space import (
    CategoricalParameter,
    Parameter,
    is_active,
    sampling_order,
)
from lrtune.service.wire.studies import Suggestion
from lrtune.service.wire.values import nearest_value

_INTERVAL_SDS = 1.2816
"""80 % of a normal distribution lie so many standard deviations around its mean."""


@dataclass(frozen=True)
class Beginning:
    """What is known of a study before its first complete trial. `prior` is the one given or remembered."""

    space: Mapping[str, Parameter]
    tagged_optimizer: str | None
    name: str | None
    """Of the learning rate."""
    tests: Sequence[KeptRangeTest]
    stability: StabilityModel | None
    finished: int
    prior: Mapping[str, RatePrior]
    """By optimizer; `""`: whatever the optimizer."""


@dataclass(frozen=True)
class _Answer:
    rate: float
    interval: tuple[float, float]
    told: str
    basis: str
    largest_stable: float | None


def suggest_beforehand(known: Beginning, *, reason: str = "no trial is complete yet") -> Suggestion:
    """The suggestion without a complete trial."""
    tested = range_test_prior.optimizer_tested(known.tests)
    optimizer = tested or known.tagged_optimizer or _first_choice(known.space)
    params = _typical(known.space, optimizer, tested)
    rate, interval, basis = None, None, "prior"
    explanation = "nothing is known yet, and the search space has no learning rate"
    stable = known.stability.largest_stable({}) if known.stability else None
    if known.name is not None:
        params.pop(known.name, None)
        chosen = params.get("optimizer", tested or known.tagged_optimizer)
        answer = _answer(known, str(chosen).lower() if chosen is not None else "", stable)
        low, high = bounds_of(known.space[known.name])
        rate, interval = (
            cut(answer.rate, low, high),
            (cut(answer.interval[0], low, high), cut(answer.interval[1], low, high)),
        )
        params[known.name] = rate
        explanation = f"{reason}; {answer.told}"
        explanation += "" if rate == answer.rate else f", cut to the bounds [{low:g}, {high:g}]"
        basis, stable = answer.basis, answer.largest_stable
    return Suggestion.model_validate(
        {
            "learning_rate": rate,
            "interval": interval,
            "max_stable_learning_rate": stable,
            "params": params,
            "expected_value": None,
            "basis": basis,
            "trials": known.finished,
            "explanation": explanation,
        }
    )


def _answer(known: Beginning, optimizer: str, stable: float | None) -> _Answer:
    prior = known.prior.get(optimizer) or known.prior.get("")
    tested = range_test_prior.prior(known.tests, optimizer or None, known.stability)
    if tested is not None and prior is not None:
        rate = math.sqrt(tested.rate) * math.sqrt(prior.median)
        told = f"{tested.told}, and {prior.told}: {rate:.2g} is halfway, in logs"
        ends = rate / range_test_prior.SPREAD, max(rate, min(rate * range_test_prior.SPREAD, tested.interval[1]))
        return _Answer(rate, ends, told, "range_test", tested.largest_stable)
    if tested is not None:
        return _Answer(tested.rate, tested.interval, tested.told, "range_test", tested.largest_stable)
    if prior is not None:
        return _Answer(prior.median, interval_of(prior), prior.told, "prior", stable)
    usual = starting_rate(optimizer)
    return _Answer(usual.learning_rate, usual.interval, usual.told, "prior", stable)


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


def typical_value(parameter: Parameter) -> Any:
    """The middle of a number; the first choice."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[0]
    low, high = float(parameter.low), float(parameter.high)
    return nearest_value(parameter, math.sqrt(low) * math.sqrt(high) if parameter.log else low / 2 + high / 2)


def bounds_of(parameter: Parameter) -> tuple[float, float]:
    """The bounds of a number."""
    assert not isinstance(parameter, CategoricalParameter)
    return float(parameter.low), float(parameter.high)


def cut(value: float, low: float, high: float) -> float:
    """The value, within the bounds."""
    return min(max(value, low), high)
