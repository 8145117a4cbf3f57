"""The search space in Optuna's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.wire.search_space import (
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    is_active,
    is_learning_rate,
    sampling_order,
)


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """The Optuna distribution of a parameter."""
    if isinstance(parameter, FloatParameter):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, IntParameter):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return CategoricalDistribution(parameter.choices)


@dataclass
class _Distributions:
    """Of a study's search space."""

    by_name: dict[str, BaseDistribution] | None = None


def study_distributions(study: StudyMirror) -> Mapping[str, BaseDistribution]:
    """The Optuna distributions of a study's search space, by name; the same objects as long as it is in memory."""
    kept = study.derived(_Distributions)
    if kept.by_name is None:
        parameters = study.spec.search_space if study.spec else {}
        kept.by_name = {name: distribution_of(parameter) for name, parameter in parameters.items()}
    return kept.by_name


def drawing_order(search_space: Mapping[str, Parameter]) -> list[str]:
    """The order in which parameters are drawn: parents first, learning rates as late as may be, since how large a
    rate is stable depends on the rest."""
    late: set[str] = set()
    order = sampling_order(search_space)
    for name in order:
        if is_learning_rate(name) or late & (search_space[name].when or {}).keys():
            late.add(name)
    return sorted(order, key=late.__contains__)


def main_learning_rate(search_space: Mapping[str, Parameter]) -> str | None:
    """The numeric parameter that is *the* learning rate: `learning_rate`, else the first that is one."""
    names = [
        name
        for name, parameter in search_space.items()
        if is_learning_rate(name) and not isinstance(parameter, CategoricalParameter)
    ]
    if "learning_rate" in names:
        return "learning_rate"
    return names[0] if names else None


def check_params(search_space: Mapping[str, Parameter], params: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    """The values as the search space has them (ints where floats are asked become floats), in the order of drawing.

    Raises InvalidField at params.NAME for a name or value outside of it, and, where `complete`, for a missing
    one.
    """
    checked: dict[str, Any] = {}
    for name in params:
        if name not in search_space:
            known = ", ".join(search_space)
            raise InvalidField(("params", name), f"is not in the search space; it has {known}")
    for name in sampling_order(search_space):
        parameter = search_space[name]
        active = is_active(parameter, checked)
        if name not in params:
            if complete and active:
                raise InvalidField(("params", name), "is missing: give every parameter its value")
            continue
        if not active and (complete or (parameter.when or {}).keys() <= params.keys()):
            raise InvalidField(("params", name), f"does not exist unless {_condition(parameter)}; leave it out")
        checked[name] = _check_value(name, parameter, params[name])
    return {name: checked[name] for name in drawing_order(search_space) if name in checked}


def _condition(parameter: Parameter) -> str:
    return " and ".join(
        f"{parent} is {' or '.join(repr(value) for value in values)}"
        for parent, values in (parameter.when or {}).items()
    )


def _check_value(name: str, parameter: Parameter, value: Any) -> Any:
    loc = ("params", name)
    if isinstance(parameter, CategoricalParameter):
        for choice in parameter.choices:
            if value == choice and type(value) is type(choice):
                return choice
        raise InvalidField(loc, f"must be one of {parameter.choices}, not {value!r}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(loc, f"must be a number, not {value!r}")
    if not parameter.low <= value <= parameter.high:
        raise InvalidField(loc, f"must be within [{parameter.low}, {parameter.high}], not {value!r}")
    if isinstance(parameter, IntParameter) and value != int(value):
        raise InvalidField(loc, f"must be a whole number, not {value!r}")
    number = float(value) if isinstance(parameter, FloatParameter) else int(value)
    distribution = distribution_of(parameter)
    if not distribution._contains(distribution.to_internal_repr(number)):
        step = f" in steps of {parameter.step}" if parameter.step not in (None, 1) else ""
        raise InvalidField(loc, f"must be within [{parameter.low}, {parameter.high}]{step}, not {value!r}")
    return number
