"""What a study takes to be known of its learning rate before its first trial, and what is asked for without a study."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidatorFunctionWrapHandler, WrapValidator

from lrtune.service.wire.base import WHOLE, Body, Storable

OptimizerName = Annotated[Storable, Field(min_length=1, max_length=200)]
FamilyName = Annotated[Storable, Field(min_length=1, max_length=200)]


class RatePrior(Body):
    """A log-normal prior on the learning rate."""

    median: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """As likely too low as too high. Finite and > 0."""
    spread_decades: Annotated[float, Field(ge=0.5, le=10, allow_inf_nan=False)] = 1.0
    """Its standard deviation in decades: 1 says that two of three best rates lie within a factor of ten."""


class GivenPrior(Body):
    """A prior that the user gives."""

    learning_rate: RatePrior


def _read(value: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
    """One of the two words, or what the user gives: an error is told of that alone."""
    if value in ("auto", "none") or isinstance(value, GivenPrior):
        return value
    if isinstance(value, Mapping):
        return GivenPrior.model_validate(value)
    raise ValueError('must be "auto", "none" or {"learning_rate": {"median": …}}')


Prior = Annotated[Literal["auto", "none"] | GivenPrior, WrapValidator(_read)]
"""`auto`: the best rates of past studies with the same optimizer, together with range tests. `none`: the search begins
without either."""


class SuggestionBody(Body):
    """The body of `POST /v1/suggestions`: what is left out does not narrow the answer."""

    optimizer: OptimizerName | None = None
    """`adamw`, `sgd`, …: as past studies call it, in their `optimizer` parameter or tag."""
    batch_size: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    total_steps: Annotated[int, Field(ge=1, le=2**31 - 1), WHOLE] | None = None
    """Optimizer steps of the training."""
    family: FamilyName | None = None
    """The kind of task, as past studies tag it: `cnn`, `transformer`, …; for one that names `lora`, LoRA's rates are
    meant."""
