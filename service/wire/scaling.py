"""Scaling of learning rates, as it is asked for and answered."""

from typing import Annotated, Literal

from pydantic import Field

from lrtune.service.wire.base import WHOLE, Body, Finite, Reply, Storable
from lrtune.service.wire.range_tests import LearningRate

OPTIMIZERS = (
    *("sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta"),
    *("muon", "adafactor", "schedule_free"),
)
"""Those that `lrtune.service.rates.scaling` knows, in its order; it names them to who asks for another."""
Count = Annotated[int, Field(ge=1, le=2**53), WHOLE]
Beta = Annotated[float, Field(ge=0, lt=1)]


class ScalingBody(Body):
    """The body of `POST /v1/scaling`."""

    learning_rate: LearningRate
    batch_size: Count
    new_batch_size: Count
    optimizer: Annotated[Storable, Field(min_length=1, max_length=100, json_schema_extra={"enum": list(OPTIMIZERS)})]
    """Where no rule is known for one, the answer says so."""
    betas: Annotated[list[Beta], Field(min_length=1, max_length=2)] | None = None
    """Adam's β₁ and β₂, RMSProp's α alone; the usual ones where they are left out."""
    epsilon: LearningRate | None = None
    total_steps: Count | None = None
    """The length of the training that the rate was found with, in optimizer steps."""
    new_total_steps: Count | None = None


class ScalingReply(Reply):
    """A learning rate moved to another batch size and training length."""

    learning_rate: Finite | None
    """Null where no rule is known for the optimizer."""
    rule: Literal["linear", "sqrt", "none"]
    batch_factor: Finite
    """κ: new_batch_size / batch_size."""
    horizon_factor: Finite
    """What the length of the training multiplies the rate by."""
    betas: list[Finite] | None
    epsilon: Finite | None
    reason: str
    limits: list[str]
    """Where the rule ends, and what it does not say."""
