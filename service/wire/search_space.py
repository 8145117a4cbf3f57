"""The search space: parameters, their bounds, and the conditions under which they exist."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from lrtune.service.wire.base import Body, Choice, Finite, ParameterName
from lrtune.service.wire.learning_rates import is_learning_rate

_MAX_STEPS = 10**12


class _Parameter(Body):
    role: Literal["learning_rate"] | None = None
    """What the parameter is; without one, its name says whether it is a learning rate (`wire/learning_rates.py`)."""
    when: Annotated[dict[ParameterName, Annotated[list[Choice], Field(min_length=1)]], Field(min_length=1)] | None = (
        None
    )
    """The parameter exists only where each named parameter has one of the listed values."""

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers of a range."""
        return False

    @property
    def is_flag(self) -> bool:
        """Whether any of its values is no number."""
        return False

    @property
    def can_be_rate(self) -> bool:
        """Whether all of its values are numbers > 0."""
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
    low: Annotated[int, Field(ge=-(2**53), le=2**53)]
    high: Annotated[int, Field(ge=-(2**53), le=2**53)]
    log: bool = False
    step: Annotated[int, Field(ge=1)] = 1

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
    choices: Annotated[list[Choice], Field(min_length=1, max_length=1000)]

    @property
    def is_flag(self) -> bool:
        return any(isinstance(choice, bool) or not isinstance(choice, int | float) for choice in self.choices)

    @property
    def can_be_rate(self) -> bool:
        return not self.is_flag and all(isinstance(choice, int | float) and choice > 0 for choice in self.choices)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for index, choice in enumerate(self.choices):
            if any(choice == other for other in self.choices[:index]):
                raise ValueError(f"choices must differ, but {choice!r} equals an earlier one")
        return self


Parameter = Annotated[FloatParameter | IntParameter | CategoricalParameter, Field(discriminator="type")]


def _check_space(space: dict[str, Parameter]) -> dict[str, Parameter]:
    for name, parameter in space.items():
        if is_learning_rate(name, parameter):
            _check_learning_rate(name, parameter)
        for parent, values in (parameter.when or {}).items():
            _check_condition(space, name, parent, values)
    sampling_order(space)
    return space


def _check_learning_rate(name: str, parameter: Parameter) -> None:
    if isinstance(parameter, CategoricalParameter):
        if parameter.role is not None:
            raise ValueError(
                f"{name}: role must be left out of a categorical parameter: the learning rate is a float between low "
                "and high, both > 0"
            )
        for choice in parameter.choices:
            if not isinstance(choice, int | float) or choice <= 0:
                raise ValueError(f"{name}: each choice of a learning rate must be a number > 0, not {choice!r}")
    elif parameter.low <= 0:
        remedy = "try 1e-6" if parameter.role is None else "try 1e-6, or leave role out"
        raise ValueError(f"{name}: low must be > 0 for a learning rate, but it is {parameter.low}; {remedy}")


def _check_condition(space: Mapping[str, Parameter], name: str, parent: str, values: list[Choice]) -> None:
    owner = space.get(parent)
    if owner is None:
        known = ", ".join(sorted(space.keys() - {name})) or "none"
        raise ValueError(f"{name}: when names {parent!r}, which is not in the search space (others: {known})")
    if isinstance(owner, FloatParameter):
        raise ValueError(f"{name}: when must name a categorical or int parameter, but {parent!r} is a float")
    for value in values:
        if isinstance(owner, CategoricalParameter):
            if not any(value == choice and type(value) is type(choice) for choice in owner.choices):
                raise ValueError(f"{name}: when asks {parent}={value!r}, which is not among its choices")
        elif isinstance(value, bool) or not isinstance(value, int) or not owner.low <= value <= owner.high:
            raise ValueError(f"{name}: when asks {parent}={value!r}, which is not an int within its bounds")


def sampling_order(space: Mapping[str, Parameter]) -> list[str]:
    """The parameters' names, each after those its `when` names, else in the order given.

    Raises ValueError where conditions go in a circle.
    """
    order: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise ValueError(f"{name}: when goes in a circle ({circle}): remove one of the conditions")
        for parent in space[name].when or {}:
            visit(parent, (*path, name))
        done.add(name)
        order.append(name)

    for name in space:
        visit(name, ())
    return order


def is_active(parameter: Parameter, params: Mapping[str, object]) -> bool:
    """Whether `parameter` exists beside these values of its parents."""
    return all(
        parent in params and any(params[parent] == value for value in values)
        for parent, values in (parameter.when or {}).items()
    )


SearchSpace = Annotated[
    dict[ParameterName, Parameter], Field(min_length=1, max_length=200), AfterValidator(_check_space)
]


def default_search_space() -> dict[str, Parameter]:
    """What a study searches when none is given: `learning_rate`, log-uniform on [1e-6, 1]."""
    return {"learning_rate": FloatParameter(type="float", low=1e-6, high=1.0, log=True)}
