"""What is said against a search space that may be searched all the same."""

from collections.abc import Mapping

from lrtune.service.sentences.space import linear_scale
from lrtune.service.wire.learning_rates import must_be_rates
from lrtune.service.wire.search_space import CategoricalParameter, Parameter

_LINEAR = 10.0
"""How far apart the bounds of a learning rate on a linear scale may be, as a factor."""


def warnings_of_space(space: Mapping[str, Parameter]) -> list[str]:
    """A sentence, with the remedy, for each learning rate that is searched over decades on a linear scale."""
    warnings = []
    for name in must_be_rates(space):
        parameter = space[name]
        if isinstance(parameter, CategoricalParameter) or parameter.log or parameter.low <= 0:
            continue
        if parameter.high / parameter.low > _LINEAR * (1 + 1e-9):
            stepped = parameter.type == "int" or parameter.step is not None
            warnings.append(linear_scale(name, parameter.low, parameter.high, steps=stepped))
    return warnings
