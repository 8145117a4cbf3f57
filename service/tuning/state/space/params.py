"""Parameters against a search space: what is taken from outside, and what is handed out, which is taken too."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.state.space.distributions import drawing_order
from lrtune.service.wire.search_space import (
    CategoricalParameter,
    IntParameter,
    Parameter,
    is_active,
    sampling_order,
)
from lrtune.service.wire.values import nearest_value, possible_value

SearchSpace = Mapping[str, Parameter]


def check_params(search_space: SearchSpace, params: Mapping[str, Any], *, complete: bool) -> dict[str, Any]:
    """The values as the search space has them (ints where floats are asked become floats, rounding errors go), in the
    order of drawing.

    Raises InvalidField at params.NAME for a name or value outside of it, for one that cannot exist beside the others,
    and, where `complete`, for a missing one.
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
        if complete and not active:
            raise InvalidField(("params", name), f"does not exist unless {_condition(parameter)}; leave it out")
        checked[name] = _check_value(name, parameter, params[name])
    if not complete:
        parents_needed(search_space, checked)
    return in_drawing_order(search_space, checked)


def in_drawing_order(search_space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """The same parameters, in the order in which they are drawn."""
    return {name: params[name] for name in drawing_order(search_space) if name in params}


def parents_needed(search_space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """By parent, their own parents included: the values with which all of `params` exist, at least one for each.

    Raises InvalidField at params.NAME where there are none.
    """
    needed: dict[str, Sequence[Any]] = {}
    for name in reversed(sampling_order(search_space)):
        if name not in params and name not in needed:
            continue
        for parent, listed in (search_space[name].when or {}).items():
            known = needed.get(parent, [params[parent]] if parent in params else None)
            values = [value for value in _possible(search_space[parent], listed) if known is None or value in known]
            if not values:
                given = _given(search_space, params, name)
                raise InvalidField(("params", given), _why_never(search_space[name], name, given))
            needed[parent] = values
    return needed


def with_parents(
    search_space: SearchSpace, fixed: Mapping[str, Any], beside: Mapping[str, Any], source: Random
) -> dict[str, Any]:
    """The parameters `fixed`, and parents with which they exist: those of `beside` where these do, else any.

    What cannot be, since another process enqueued it, is left out.
    """
    params = _usable(search_space, fixed)
    for parent, values in parents_needed(search_space, params).items():
        if parent not in params:
            kept = parent in beside and beside[parent] in values
            params[parent] = beside[parent] if kept else source.choice(values)
    return params


def possible_params(search_space: SearchSpace, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with each number at its nearest possible value: what is handed out lies within its bounds and on
    its steps, whatever was reckoned in between. Raises ValueError for what is no value of its parameter."""
    return {name: possible_value_of(search_space[name], value) for name, value in params.items()}


def without_rounding(parameter: Parameter, value: Any) -> Any:
    """The possible value that a value is but for rounding, as another process or an older version may have reckoned
    it; the value itself where it is none."""
    if isinstance(parameter, CategoricalParameter) or not isinstance(value, int | float):
        return value
    possible = possible_value(parameter, value)
    return value if possible is None else possible


def possible_value_of(parameter: Parameter, value: Any) -> Any:
    """The possible value nearest to a number; a choice as it is listed. Raises ValueError where there is none."""
    if isinstance(parameter, CategoricalParameter):
        return parameter.choices[parameter.choices.index(value)]
    if not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return nearest_value(parameter, value)


def _usable(search_space: SearchSpace, fixed: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return check_params(search_space, fixed, complete=False)
    except InvalidField:
        usable: dict[str, Any] = {}
    for name in search_space:
        if name in fixed:
            try:
                usable = check_params(search_space, {**usable, name: fixed[name]}, complete=False)
            except InvalidField:
                continue
    return usable


def _possible(parameter: Parameter, values: Sequence[Any]) -> list[Any]:
    """Those of the values that the parameter can have, as it has them."""
    if isinstance(parameter, CategoricalParameter):
        return [choice for choice in parameter.choices if choice in values]
    return [value for value in values if possible_value(parameter, value) is not None]


def _given(search_space: SearchSpace, params: Mapping[str, Any], name: str) -> str:
    """The parameter itself, or the one of `params` that needs it."""
    if name in params:
        return name
    children = (child for child, parameter in search_space.items() if name in (parameter.when or {}))
    return next(
        (given for child in children for given in [_given(search_space, params, child)] if given in params), name
    )


def _why_never(parameter: Parameter, name: str, given: str) -> str:
    what = "does" if name == given else f"needs {name}, which does"
    return f"{what} not exist unless {_condition(parameter)}: the other values exclude that; leave one of them out"


def _condition(parameter: Parameter) -> str:
    return " and ".join(
        f"{parent} is {' or '.join(repr(value) for value in values)}"
        for parent, values in (parameter.when or {}).items()
    )


def _kind(value: Any) -> type:
    """Of a choice: numbers are of one kind, however they are written, 16 or 16.0; true is no number."""
    return float if type(value) is int else type(value)


def _check_value(name: str, parameter: Parameter, value: Any) -> Any:
    loc = ("params", name)
    if isinstance(parameter, CategoricalParameter):
        for choice in parameter.choices:
            if value == choice and _kind(value) is _kind(choice):
                return choice
        raise InvalidField(loc, f"must be one of {parameter.choices}, not {value!r}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidField(loc, f"must be a number, not {value!r}")
    possible = possible_value(parameter, value)
    if possible is not None:
        return possible
    if isinstance(parameter, IntParameter) and parameter.low <= value <= parameter.high and value != int(value):
        raise InvalidField(loc, f"must be a whole number, not {value!r}")
    step = f" in steps of {parameter.step}" if parameter.step not in (None, 1) else ""
    raise InvalidField(loc, f"must be within [{parameter.low}, {parameter.high}]{step}, not {value!r}")
