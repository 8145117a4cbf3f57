"""What schedules there are, and what `/v1/schedules` says and takes."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from lrtune.service.wire.base import WHOLE, Body, Loss, Reply
from lrtune.service.wire.bounded import Bounded
from lrtune.service.wire.schedules.base import Rate, ScheduleModel
from lrtune.service.wire.schedules.union import SCHEDULES, Schedule

MAX_PREVIEW_STEPS = 100_000


class ScheduleParameter(Reply):
    """A parameter of a schedule."""

    name: str
    type: str
    """integer, number, boolean, string, a list of one of these, or schedule."""
    required: bool
    default: float | int | str | bool | None
    """null: see the description, or required."""
    choices: list[str] | None
    minimum: float | int | None = None
    """The least value there is; null where it has none, or is to be above `above`."""
    above: float | int | None = None
    maximum: float | int | None = None
    """The greatest value; null where it has none, or is to be below `below`."""
    below: float | int | None = None
    aliases: list[str]
    """Other names that are read."""
    description: str


class ScheduleInfo(Reply):
    """A schedule and its parameters."""

    name: str
    summary: str
    formula: str
    """The rate of step t, with η₀ for the learning rate and T for the steps of the training."""
    parameters: list[ScheduleParameter]


class ScheduleList(Reply):
    """All schedules, on one page."""

    items: list[ScheduleInfo]
    next_cursor: str | None = None


class PreviewRequest(Body):
    """The body of `POST /v1/schedules/preview`."""

    schedule: Schedule
    base_learning_rate: Rate
    total_steps: Annotated[int, Field(ge=1, le=10**12), WHOLE]
    """Optimizer steps of the training."""
    points: Annotated[int, Field(ge=2, le=MAX_PREVIEW_STEPS), WHOLE] | None = None
    """Answer so many steps only, evenly spread, the first and the last included."""
    metrics: Annotated[list[Loss], Bounded(MAX_PREVIEW_STEPS)] = Field(default_factory=list)
    """For `plateau`: the metric after step 0, 1, …."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.points is None and self.total_steps > MAX_PREVIEW_STEPS:
            raise ValueError(
                f"total_steps must be at most {MAX_PREVIEW_STEPS} to answer every step, but it is {self.total_steps}: "
                f"give points (2 to {MAX_PREVIEW_STEPS}) to thin them out"
            )
        return self


class Preview(Reply):
    """The rates that a training would have."""

    schedule: Schedule
    """As it was understood: with our names and all defaults."""
    steps: list[int] | None
    """Which steps the rates are of; null for every step from 0."""
    learning_rates: list[float]


def schedule_list() -> ScheduleList:
    """Every schedule with its parameters."""
    return ScheduleList(items=[_info(name, kind) for name, kind in SCHEDULES.items()])


def _info(name: str, kind: type[ScheduleModel]) -> ScheduleInfo:
    schema = kind.model_json_schema()
    own = schema["properties"] if "properties" in schema else schema["$defs"][kind.__name__]["properties"]
    parameters = [_parameter(kind, field, own[field]) for field in kind.model_fields if field != "name"]
    summary = " ".join((kind.__doc__ or "").split())
    return ScheduleInfo(name=name, summary=summary, formula=kind.formula, parameters=parameters)


def _parameter(kind: type[ScheduleModel], name: str, schema: Mapping[str, Any]) -> ScheduleParameter:
    field = kind.model_fields[name]
    plain = next((part for part in schema.get("anyOf", ()) if part.get("type") != "null"), schema)
    return ScheduleParameter(
        name=name,
        type=_type(plain),
        required=field.is_required(),
        default=None if field.is_required() else field.default,
        choices=plain.get("enum"),
        minimum=plain.get("minimum"),
        above=plain.get("exclusiveMinimum"),
        maximum=plain.get("maximum"),
        below=plain.get("exclusiveMaximum"),
        aliases=[alias for alias, own in kind.known_aliases().items() if own == name],
        description=field.description or "",
    )


def _type(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type", "schedule"))
