"""Schedules that hold others, and the discriminated union of all."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Field, TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.messages import said
from lrtune.service.wire.schedules import models
from lrtune.service.wire.schedules.base import (
    LONGEST_NAME,
    Milestones,
    ScheduleError,
    ScheduleModel,
    Steps,
    WarmedSchedule,
    WarmupKind,
    problem,
)

MAX_DEPTH = 8
_TOO_DEEP = f"schedules may be nested {MAX_DEPTH} deep at most: use one join with more milestones"


class Warmup(ScheduleModel):
    """Rises to where `then` begins; `then` has its own clock and the steps that are left."""

    formula = "(s + (1 − s)·t/w)·then(0) for t < w, then then(t − w)"
    aliases: ClassVar[Mapping[str, str]] = {"warmup_steps": "steps", "total_iters": "steps", "warmup_kind": "kind"}
    name: Literal["warmup"] = "warmup"
    steps: Steps
    """w."""
    kind: WarmupKind = "linear"
    """Along a line, or half a cosine."""
    start_factor: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    """s, where it begins; null for 1/(w + 1), so that step 0 is not wasted at rate 0."""
    then: "Schedule"

    @model_validator(mode="after")
    def _shallow(self) -> Self:
        _check_depth(self)
        return self


class Join(WarmedSchedule):
    """Schedules one after the other, each with its own clock; a milestone belongs to the next one."""

    formula = "scheduleᵢ(t − mᵢ) for mᵢ ≤ t < mᵢ₊₁"
    aliases: ClassVar[Mapping[str, str]] = {"schedulers": "schedules", "boundaries": "milestones"}
    name: Literal["join"] = "join"
    schedules: Annotated[list["Schedule"], Field(min_length=1), Bounded(100)]
    milestones: Milestones
    """The first step of each schedule but the first one."""

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if len(self.milestones) != len(self.schedules) - 1:
            count = len(self.schedules)
            raise ValueError(f"{count} schedules need {count - 1} milestones, but there are {len(self.milestones)}")
        _check_depth(self)
        return self


class Default(ScheduleModel):
    """A short warm-up, then linear to zero; a warm-up and a stable phase while the number of steps is open."""

    formula = "η₀·(t + 1)/(w + 1) for t < w = min(T/20, 1000), then η₀·(1 − (t − w)/(T − w))"
    name: Literal["default"] = "default"


_Kinds = (
    models.Constant
    | models.Step
    | models.MultiStep
    | models.Exponential
    | models.InverseTime
    | models.InverseSqrt
    | models.Polynomial
    | models.Linear
    | models.Cosine
    | models.CosineRestarts
    | models.Cyclical
    | models.OneCycle
    | Warmup
    | models.Wsd
    | models.Plateau
    | Join
    | Default
)


def _read(value: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
    """The model that `name` asks for. A bare name is a schedule with its defaults."""
    if isinstance(value, ScheduleModel):
        return value
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping):
        message = f'must be the name of a schedule or an object {{"name": …}}; names are {", ".join(SCHEDULES)}'
        raise ValidationError.from_exception_data("Schedule", [problem((), message, value)])
    if _raw_depth(value) > 4 * MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
    name = value.get("name")
    if not isinstance(name, str) or name not in SCHEDULES:
        raise ValidationError.from_exception_data("Schedule", [problem(("name",), _unknown_name(name), name)])
    return SCHEDULES[name].model_validate(value)


def _unknown_name(name: Any) -> str:
    known = ", ".join(SCHEDULES)
    if name is None:
        return f"is missing: use one of {known}"
    hint = did_you_mean(name, SCHEDULES)
    return f"there is no schedule {str(name)[:LONGEST_NAME]!r}; {hint}use one of {known}"


Schedule = Annotated[_Kinds, Field(discriminator="name"), WrapValidator(_read)]
"""A schedule in its JSON form: `{"name": "cosine", "min_lr": 1e-5}`, or the bare name for all defaults."""

SCHEDULES: dict[str, type[ScheduleModel]] = {kind.model_fields["name"].default: kind for kind in get_args(_Kinds)}
"""The schedules by name."""

Warmup.model_rebuild()
Join.model_rebuild()
schedule_adapter: TypeAdapter[Schedule] = TypeAdapter(Schedule)


def read_schedule(value: Any) -> Schedule:
    """The schedule that a name, a mapping in the JSON form, or a schedule is.

    Raises ScheduleError at `schedule.…` where it cannot be one.
    """
    try:
        return schedule_adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ScheduleError(("schedule", *first["loc"]), said(first)) from None


def _raw_depth(value: Any) -> int:
    """How deep mappings and lists lie in each other, without recursion."""
    depth, level = 0, [value]
    while level and depth <= 4 * MAX_DEPTH:
        depth += 1
        held = [part.values() if isinstance(part, Mapping) else part for part in level]
        level = [inner for parts in held for inner in parts if isinstance(inner, Mapping | list)]
    return depth


def _depth(schedule: Any) -> int:
    if isinstance(schedule, Warmup):
        return 1 + _depth(schedule.then)
    if isinstance(schedule, Join):
        return 1 + max(_depth(inner) for inner in schedule.schedules)
    return 1


def _check_depth(schedule: ScheduleModel) -> None:
    if _depth(schedule) > MAX_DEPTH:
        raise ValueError(_TOO_DEEP)
