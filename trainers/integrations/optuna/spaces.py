"""Search spaces: Optuna's distributions as a study has them, and back; what `suggest_*` asks against what is there."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from lrtune.service.wire.search_space import FloatParameter, IntParameter, Parameter
from lrtune.trainers.errors import InvalidRequest
from lrtune.trainers.integrations.optuna.framework import optuna

Distribution = optuna.distributions.BaseDistribution
_Float = optuna.distributions.FloatDistribution
_Int = optuna.distributions.IntDistribution
_Categorical = optuna.distributions.CategoricalDistribution

_EXAMPLE = 'search_space={"learning_rate": FloatDistribution(1e-5, 1.0, log=True)}'


def search_space_of(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The search space of a study, as `Client.create_study` takes it. Each parameter is a distribution of Optuna's, or
    what `Client.create_study` takes, which may say `when`. Raises InvalidRequest."""
    if not isinstance(given, Mapping) or not given:
        raise InvalidRequest(
            "search_space", f"say what is searched, since parameters are drawn before the objective runs: {_EXAMPLE}"
        )
    return {name: _parameter(name, one) for name, one in given.items()}


def _parameter(name: str, one: Any) -> Any:
    if isinstance(one, Distribution):
        return _described(one)
    if isinstance(one, BaseModel | Mapping):
        return one
    raise InvalidRequest(f"search_space.{name}", f"must be a distribution, as in {_EXAMPLE}, not {one!r:.60}")


def _described(one: Distribution) -> dict[str, Any]:
    """What has one value only is a choice of one: a range has a lower and a higher end."""
    if isinstance(one, _Categorical):
        return {"type": "categorical", "choices": list(one.choices)}
    assert isinstance(one, _Float | _Int)
    if one.single():
        return {"type": "categorical", "choices": [one.low]}
    kind = "int" if isinstance(one, _Int) else "float"
    bounds: dict[str, Any] = {"type": kind, "low": one.low, "high": one.high, "log": one.log}
    return bounds if one.step is None else {**bounds, "step": one.step}


def distribution_of(parameter: Parameter) -> Distribution:
    """The distribution of a study's parameter."""
    if isinstance(parameter, FloatParameter):
        return _Float(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if isinstance(parameter, IntParameter):
        return _Int(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return _Categorical(parameter.choices)


def distributions_of(space: Mapping[str, Parameter]) -> dict[str, Distribution]:
    """Those of all parameters, by name."""
    return {name: distribution_of(parameter) for name, parameter in space.items()}


def suggested(
    name: str, asked: Distribution, space: Mapping[str, Parameter], params: Mapping[str, Any], study: str
) -> Any:
    """The value that was drawn for what an objective asks. Raises ValueError, which says what to write, for what the
    study does not search, or searches otherwise, and for what does not exist in this trial."""
    parameter = space.get(name)
    if parameter is None:
        raise ValueError(
            f"{name} is not in the search space of study {study}, which has {', '.join(space)}: "
            f"create a study with search_space={{…, {name!r}: {_written(asked)}}}"
        )
    known = distribution_of(parameter)
    if _described(asked) != _described(known):
        raise ValueError(
            f"{name}: study {study} searches {_written(known)}, and the objective asks {_written(asked)}: "
            f"ask for the former, or create another study with the latter in its search_space"
        )
    if name not in params:
        raise ValueError(
            f"{name} does not exist in this trial, but only where {_condition(parameter)}: suggest it there alone"
        )
    return params[name]


def _condition(parameter: Parameter) -> str:
    wanted = (parameter.when or {}).items()
    return " and ".join(f"{parent} is {' or '.join(map(repr, values))}" for parent, values in wanted)


def _written(one: Distribution) -> str:
    """As a script has it."""
    if isinstance(one, _Categorical):
        return f"CategoricalDistribution({list(one.choices)!r})"
    assert isinstance(one, _Float | _Int)
    usual_step = 1 if isinstance(one, _Int) else None
    options = (", log=True" if one.log else "") + (f", step={one.step!r}" if one.step != usual_step else "")
    return f"{type(one).__name__}({one.low!r}, {one.high!r}{options})"
