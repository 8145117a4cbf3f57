"""What all schedules share: their errors, the names of their parameters, and the parameters common to them."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.service.wire.base import WHOLE, Body
from lrtune.service.wire.bounded import MORE_ERRORS, MOST_ERRORS, Bounded
from lrtune.service.wire.cards import schedule_card

Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""A learning rate: finite, > 0."""
Floor = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""Where a rate ends: finite, ≥ 0."""
Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""What a rate is multiplied by: finite, > 0; more than 1 raises it."""
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
"""A part of the training, less than all of it."""
Steps = Annotated[int, Field(ge=1, le=10**12), WHOLE]
"""Optimizer steps."""


def _ascending(milestones: list[int]) -> list[int]:
    for earlier, later in pairwise(milestones):
        if later <= earlier:
            raise ValueError(f"must ascend, but {later} follows {earlier}: write {sorted(set(milestones))}")
    return milestones


Milestones = Annotated[list[Steps], Bounded(1000), AfterValidator(_ascending)]
"""Steps at which something new begins, ascending."""
WarmupKind = Literal["linear", "cosine"]

_LEFT_OUT = {
    **dict.fromkeys(
        ("cycle_momentum", "base_momentum", "max_momentum"), "schedules leave momentum to the optimizer: leave it out"
    ),
    **dict.fromkeys(("epochs", "steps_per_epoch"), "steps count, not epochs: give total_steps = epochs × steps"),
    **dict.fromkeys(("scale_fn", "scale_mode"), "use mode: triangular, triangular2 or exp_range"),
    **dict.fromkeys(("start_factor",), 'a rise is a schedule of its own: {"name": "warmup", "start_factor": …}'),
    **dict.fromkeys(("last_epoch", "verbose"), "it is no part of a schedule: leave it out"),
}


_KINDS_OF_ERRORS = frozenset(get_args(core_schema.ErrorType))
"""Those of pydantic's own."""
LONGEST_NAME = 40
"""Of what was given as a name, so much is looked at and shown where there is none of that name."""


class ScheduleError(ValueError):
    """A schedule that cannot be right, or not for this training.

    `loc` is the field, from the outside in: `("schedule", "then", "min_lr")`. The text names it and the remedy.
    """

    def __init__(self, loc: tuple[str | int, ...], message: str) -> None:
        super().__init__(f"{'.'.join(str(part) for part in loc)}: {message}")
        self.loc = loc
        self.message = message


class ScheduleModel(Body):
    """Base of all schedules: reads other libraries' names of parameters, and refuses unknown ones by name."""

    formula: ClassVar[str]
    """The rate at step t, with η₀ for the learning rate and T for the steps of the training."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Other names that are read: alias → parameter."""

    def _repr_html_(self) -> str:
        """For notebooks."""
        given = self.model_dump(mode="json", exclude_none=True)
        return schedule_card(str(given.get("name")), {**given, "the rate at step t": self.formula})

    @classmethod
    def known_aliases(cls) -> dict[str, str]:
        """All aliases of this schedule's parameters, those of the bases included."""
        merged: dict[str, str] = {}
        for kind in reversed(cls.__mro__):
            merged |= vars(kind).get("aliases", {})
        return {alias: name for alias, name in merged.items() if name in cls.model_fields}

    @model_validator(mode="wrap")
    @classmethod
    def _in_their_words(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Errors are told of the names that were given."""
        if not isinstance(given, Mapping):
            return handler(given)
        read = cls._read_names(given)
        try:
            return handler(read)
        except ValidationError as error:
            raise renamed(error, {own: name for name, own in cls.known_aliases().items() if name in given}) from None

    @classmethod
    def _read_names(cls, given: Mapping[Any, Any]) -> dict[Any, Any]:
        aliases = cls.known_aliases()
        read: dict[Any, Any] = {}
        problems: list[InitErrorDetails] = []
        more = 0
        for name, value in given.items():
            own = aliases.get(name, name)
            if len(problems) == MOST_ERRORS and (own not in cls.model_fields or own in read):
                more += 1
                continue
            if own not in cls.model_fields:
                problems.append(problem((name,), cls._unknown(str(name)), value))
            elif own in read or (own != name and own in given):
                problems.append(
                    problem((name,), f"{name} and {_other(given, aliases, name, own)} are the same: give one", value)
                )
            else:
                read[own] = value
        if more:
            count = PydanticCustomError(MORE_ERRORS, "and {count} more", {"count": more})
            problems.append(InitErrorDetails(type=count, input=None))
        if problems:
            raise ValidationError.from_exception_data(cls.__name__, problems)
        return read

    @classmethod
    def _unknown(cls, name: str) -> str:
        title = cls.model_fields["name"].default
        if name in _LEFT_OUT:
            return f"{title} has no parameter {name[:LONGEST_NAME]!r}: {_LEFT_OUT[name]}"
        known = [field for field in cls.model_fields if field != "name"]
        hint = did_you_mean(name, [*known, *cls.known_aliases()])
        return f"{title} has no parameter {name[:LONGEST_NAME]!r}; {hint}it takes {', '.join(known) or 'none'}"


def _other(given: Mapping[Any, Any], aliases: Mapping[str, str], name: str, own: str) -> str:
    return next(str(key) for key in given if key != name and aliases.get(key, key) == own)


def problem(loc: tuple[str | int, ...], message: str, value: Any) -> InitErrorDetails:
    """A validation error at `loc` that says `message` and nothing else."""
    return InitErrorDetails(
        type=PydanticCustomError("schedule", "{problem}", {"problem": message}), loc=loc, input=value
    )


def renamed(error: ValidationError, names: Mapping[str, str]) -> ValidationError:
    """The same errors, at the fields that `names` says in place of ours."""
    details: list[InitErrorDetails] = []
    for one in error.errors(include_url=False):
        kind: str | PydanticCustomError = one["type"]
        if kind not in _KINDS_OF_ERRORS:
            context = {"problem": one["msg"], **one.get("ctx", {})}
            kind = PydanticCustomError(one["type"], "{problem}", context)
        loc = tuple(names.get(str(part), part) if place == 0 else part for place, part in enumerate(one["loc"]))
        details.append(InitErrorDetails(type=kind, loc=loc, input=one["input"], ctx=one.get("ctx", {})))
    return ValidationError.from_exception_data(error.title, details)


class WarmedSchedule(ScheduleModel):
    """Base of the schedules that may have a warm-up of their own and a rate of their own."""

    aliases: ClassVar[Mapping[str, str]] = {
        "learning_rate": "lr",
        "num_warmup_steps": "warmup_steps",
        "warmup_ratio": "warmup_fraction",
    }

    lr: Rate | None = None
    """The rate η₀ of this schedule; null for the base learning rate."""
    warmup_steps: Annotated[int, Field(ge=0, le=10**12), WHOLE] | None = None
    """Steps of warm-up before it, out of the same total: `{"name": "warmup", "steps": …, "then": …}` in short."""
    warmup_fraction: Share | None = None
    """The warm-up as a part of all steps, in place of `warmup_steps`."""
    warmup_kind: WarmupKind = "linear"
    """The shape of the warm-up."""

    @model_validator(mode="after")
    def _one_warmup(self) -> Self:
        exclusive(self, "warmup_steps", "warmup_fraction")
        return self


class DecayingSchedule(WarmedSchedule):
    """Base of the schedules that fall to a lowest rate."""

    aliases: ClassVar[Mapping[str, str]] = {
        "eta_min": "min_lr",
        "lr_end": "min_lr",
        "end_learning_rate": "min_lr",
        "end_factor": "min_lr_factor",
    }

    min_lr: Floor | None = None
    """The lowest rate; null for 0."""
    min_lr_factor: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """The lowest rate as a part of η₀, in place of `min_lr`."""

    @model_validator(mode="after")
    def _one_floor(self) -> Self:
        exclusive(self, "min_lr", "min_lr_factor")
        if self.min_lr is not None and self.lr is not None and self.min_lr > self.lr:
            raise ValueError(f"min_lr must be at most lr ({self.lr}), but it is {self.min_lr}")
        return self


def exclusive(model: ScheduleModel, *names: str) -> None:
    """Raises ValueError where more than one of these parameters is given."""
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} say the same in two ways: give one of them")
