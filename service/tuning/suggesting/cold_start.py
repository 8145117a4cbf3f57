"""What to train with before the first complete trial: range tests, past studies, what is usual."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

USUAL_RATES = {"adam": 1e-3, "sgd": 1e-2}
USUAL_SPREAD = 10.0
"""The interval around the usual rate: a factor of ten to each side, cut to the bounds."""

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
    optimizer = tested or known.tagged_optimizer
    family = optimizer_family(optimizer, known.space)
    params = _typical(known.space, family, tested)
    rate, interval, basis = None, None, "prior"
    explanation = "nothing is known yet, and the search space has no learning rate"
    stable = known.stability.largest_stable({}) if known.stability else None
    if known.name is not None:
        params.pop(known.name, None)
        chosen = params.get("optimizer", optimizer)
        answer = _answer(known, str(chosen).lower() if chosen is not None else "", family, stable)
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


def _answer(known: Beginning, optimizer: str, family: str, stable: float | None) -> _Answer:
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
    return _Answer(USUAL_RATES[family], usual_interval(family), usual(family), "prior", stable)


def usual(family: str) -> str:
    """The usual rate of `adam` or `sgd`, in words."""
    return f"the usual rate for {'the Adam family' if family == 'adam' else 'SGD'} is {USUAL_RATES[family]:g}"


def usual_interval(family: str) -> tuple[float, float]:
    """A factor of ten around the usual rate."""
    return USUAL_RATES[family] / USUAL_SPREAD, USUAL_RATES[family] * USUAL_SPREAD


def interval_of(prior: RatePrior) -> tuple[float, float]:
    """The middle 80 % of a prior."""
    factor = 10 ** (_INTERVAL_SDS * prior.spread_decades)
    return prior.median / factor, prior.median * factor


def optimizer_family(tagged: str | None, space: Mapping[str, Parameter]) -> str:
    """`sgd` or `adam`: by the tag, else by the first choice of a parameter called optimizer, else adam."""
    optimizer = tagged
    choices = space.get("optimizer")
    if optimizer is None and isinstance(choices, CategoricalParameter):
        optimizer = str(choices.choices[0])
    lowered = (optimizer or "adam").lower()
    return "sgd" if any(word in lowered for word in ("sgd", "momentum", "nesterov", "gradientdescent")) else "adam"


def _typical(space: Mapping[str, Parameter], family: str, tested: str | None = None) -> dict[str, Any]:
    """The middle of each parameter that exists; the first choice of a categorical one; the optimizer that was tested,
    else by family."""
    params: dict[str, Any] = {}
    for name in sampling_order(space):
        parameter = space[name]
        if not is_active(parameter, params):
            continue
        if isinstance(parameter, CategoricalParameter):
            fitting = [c for c in parameter.choices if name == "optimizer" and optimizer_family(str(c), {}) == family]
            chosen = name == "optimizer" and tested in parameter.choices
            params[name] = tested if chosen else (fitting or parameter.choices)[0]
        else:
            params[name] = typical_value(parameter)
    return params


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
