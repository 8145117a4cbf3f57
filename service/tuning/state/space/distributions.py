"""The search space in Optuna's terms."""

from collections.abc import Mapping
from dataclasses import dataclass

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.wire.learning_rates import is_learning_rate
from lrtune.service.wire.search_space import (
    FloatParameter,
    IntParameter,
    Parameter,
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
        if is_learning_rate(name, search_space[name]) or late & (search_space[name].when or {}).keys():
            late.add(name)
    return sorted(order, key=late.__contains__)
