"""The search space: parameters, their bounds, and the conditions under which they exist."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeGuard

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from lrtune.service.wire.base import WHOLE, Body, Choice, Finite, ParameterName
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.learning_rates import must_be_rates

MOST_PARAMETERS = 200
MOST_CHOICES = 1_000
"""Of one parameter."""
MOST_CHOICES_IN_ALL = 20_000
MOST_WHEN_VALUES = 1_000
"""Of one parameter, for each that its `when` names."""
MOST_WHEN_VALUES_IN_ALL = 20_000

_MAX_STEPS = 10**12
_LONGEST_SHOWN = 100
_MOST_NAMED = 20
_Key = tuple[bool, Choice]


_Values = Annotated[list[Choice], Field(min_length=1), Bounded(MOST_WHEN_VALUES)]


class _Parameter(Body):
    role: Literal["learning_rate"] | None = None
    """What the parameter is; without one, its name says whether it is a learning rate (`wire/learning_rates.py`)."""
    when: Annotated[dict[ParameterName, _Values], Field(min_length=1), Bounded(MOST_PARAMETERS)] | None = None
    """The parameter exists only where each named parameter has one of the listed values."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers of a range."""
        return False

    @property
    def can_be_rate(self) -> bool:
        """Whether it is a range of numbers above 0."""
        return False

    @property
    def is_flag(self) -> bool:
        """Whether any of its values is no number."""
        return False


class FloatParameter(_Parameter):
    """A real number between `low` and `high`, both included."""

    type: Literal["float"] = "float"
    low: Finite
    high: Finite
    log: bool = False
    step: Finite | None = None

    @property
    def is_number(self) -> bool:
        return True

    @property
    def can_be_rate(self) -> bool:
        return self.low > 0

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, but low is {self.low} and high is {self.high}")
        if not math.isfinite(self.high - self.low):
            raise ValueError("low and high are too far apart: high - low must be finite")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be > 0 where log is true, but it is {self.low}")
        if self.step is not None:
            if self.log:
                raise ValueError("step and log exclude each other: drop one of them")
            if not 0 < self.step <= self.high - self.low:
                raise ValueError(f"step must be > 0 and at most high - low, but it is {self.step}")
            if (self.high - self.low) / self.step > _MAX_STEPS:
                raise ValueError(f"step is too small: it cuts [{self.low}, {self.high}] into too many values")
        return self


class IntParameter(_Parameter):
    """A whole number between `low` and `high`, both included."""

    type: Literal["int"] = "int"
    low: Annotated[int, Field(ge=-(2**53), le=2**53), WHOLE]
    high: Annotated[int, Field(ge=-(2**53), le=2**53), WHOLE]
    log: bool = False
    step: Annotated[int, Field(ge=1, le=2**54), WHOLE] = 1

    @property
    def is_number(self) -> bool:
        return True

    @property
    def can_be_rate(self) -> bool:
        return self.low > 0

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, but low is {self.low} and high is {self.high}")
        if self.log and self.low < 1:
            raise ValueError(f"low must be at least 1 where log is true, but it is {self.low}")
        if self.log and self.step != 1:
            raise ValueError("step and log exclude each other: drop one of them")
        if self.step > self.high - self.low:
            raise ValueError(f"step must be at most high - low, but it is {self.step}")
        return self


class CategoricalParameter(_Parameter):
    """One of a list of choices."""

    type: Literal["categorical"] = "categorical"
    choices: Annotated[list[Choice], Field(min_length=1), Bounded(MOST_CHOICES)]

    @property
    def is_flag(self) -> bool:
        return any(isinstance(choice, bool) or not isinstance(choice, int | float) for choice in self.choices)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: set[Choice] = set()
        for choice in self.choices:
            if choice in seen:
                raise ValueError(f"choices must differ, but {shown(choice)} equals an earlier one")
            seen.add(choice)
        return self


Parameter = Annotated[FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]


def shown(choice: object) -> str:
    """A choice for a message: as it is, or its beginning."""
    text = repr(choice)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def check_size(space: Mapping[str, Parameter]) -> None:
    """Raises ValueError where there is more in a search space than can be searched; every draw looks at all of it."""
    choices = sum(len(parameter.choices) for parameter in space.values() if isinstance(parameter, CategoricalParameter))
    if choices > MOST_CHOICES_IN_ALL:
        raise ValueError(
            f"search_space: has {choices} choices in all, and may have {MOST_CHOICES_IN_ALL}: "
            "make an int or float of a parameter whose choices are ordered"
        )
    values = sum(len(listed) for parameter in space.values() for listed in (parameter.when or {}).values())
    if values > MOST_WHEN_VALUES_IN_ALL:
        raise ValueError(
            f"search_space: has {values} values in all its when, and may have {MOST_WHEN_VALUES_IN_ALL}: "
            "name fewer parents, or fewer of their values"
        )


STORED = "stored"
"""In the context of a validation: what is read was stored, maybe by a version that took other names for rates."""


def _check_space(space: dict[str, Parameter], info: ValidationInfo) -> dict[str, Parameter]:
    if not (info.context or {}).get(STORED):
        _check_rates(space)
    known: dict[str, set[_Key]] = {}
    for name, parameter in space.items():
        for parent, values in (parameter.when or {}).items():
            _check_condition(space, name, parent, values, known)
    sampling_order(space)
    return space


def _check_rates(space: dict[str, Parameter]) -> None:
    first, *others = [name for name, parameter in space.items() if parameter.role is not None] or [""]
    if others:
        raise ValueError(f"{others[0]}: role is {first}'s already: leave it out of all but one")
    for name in must_be_rates(space):
        _check_learning_rate(name, space[name])


_REMEDY = 'try 1e-6, or say which parameter is the learning rate: "role": "learning_rate"'


def _check_learning_rate(name: str, parameter: Parameter) -> None:
    if isinstance(parameter, CategoricalParameter):
        if parameter.role is not None:
            raise ValueError(
                f"{name}: role must be left out of a categorical parameter: the learning rate is a float between low "
                "and high, both > 0"
            )
        for choice in parameter.choices:
            if not isinstance(choice, int | float) or choice <= 0:
                raise ValueError(f"{name}: each choice of a learning rate must be a number > 0, not {shown(choice)}")
    elif parameter.low <= 0:
        remedy = "try 1e-6, or leave role out" if parameter.role is not None else _REMEDY
        raise ValueError(f"{name}: low must be > 0 for a learning rate, but it is {parameter.low}; {remedy}")


def _check_condition(
    space: Mapping[str, Parameter], name: str, parent: str, values: list[Choice], known: dict[str, set[_Key]]
) -> None:
    owner = space.get(parent)
    if owner is None:
        others = sorted(space.keys() - {name})
        listed = ", ".join(others[:_MOST_NAMED]) + (", …" if len(others) > _MOST_NAMED else "") or "none"
        raise ValueError(f"{name}: when names {parent!r}, which is not in the search space (others: {listed})")
    if isinstance(owner, FloatParameter):
        raise ValueError(f"{name}: when must name a categorical or int parameter, but {parent!r} is a float")
    if isinstance(owner, CategoricalParameter):
        if parent not in known:
            known[parent] = {_key(choice) for choice in owner.choices}
        for value in values:
            if _key(value) not in known[parent]:
                raise ValueError(f"{name}: when asks {parent}={shown(value)}, which is not among its choices")
        return
    for value in values:
        if not _is_whole(value) or not owner.low <= value <= owner.high:
            raise ValueError(f"{name}: when asks {parent}={shown(value)}, which is not an int within its bounds")


def _key(choice: Choice) -> _Key:
    """The same for equal choices; true is not 1."""
    return isinstance(choice, bool), choice


def _is_whole(value: Choice) -> TypeGuard[float]:
    return not isinstance(value, bool) and isinstance(value, int | float) and value == int(value)


def sampling_order(space: Mapping[str, Parameter]) -> list[str]:
    """The parameters' names, each after those its `when` names, else in the order given.

    Raises ValueError where conditions go in a circle.
    """
    order: dict[str, None] = {}
    for name in space:
        path = [name] if name not in order else []
        while path:
            parents = space[path[-1]].when or {}
            missing = next((parent for parent in parents if parent not in order), None)
            if missing is None:
                order[path.pop()] = None
            elif missing in path:
                circle = " -> ".join((*path[path.index(missing) :], missing))
                raise ValueError(f"{missing}: when goes in a circle ({circle}): remove one of the conditions")
            else:
                path.append(missing)
    return list(order)


def is_active(parameter: Parameter, params: Mapping[str, object]) -> bool:
    """Whether `parameter` exists beside these values of its parents."""
    return all(
        parent in params and any(params[parent] == value for value in values)
        for parent, values in (parameter.when or {}).items()
    )


SearchSpace = Annotated[
    dict[ParameterName, Parameter], Field(min_length=1), Bounded(MOST_PARAMETERS), AfterValidator(_check_space)
]


def default_search_space() -> dict[str, Parameter]:
    """What a study searches when none is given: `learning_rate`, log-uniform on [1e-6, 1]."""
    return {"learning_rate": FloatParameter(type="float", low=1e-6, high=1.0, log=True)}
