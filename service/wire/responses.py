"""The response of a study's metric to its learning rate."""

from typing import Literal

from pydantic import Field

from lrtune.service.wire.base import Finite, Interval, Loss, ParameterValue, Reply

PointState = Literal["complete", "short", "pruned", "diverged", "failed", "running", "paused", "waiting"]
"""What a trial came to: `short` is a complete training of less than the study's length; `waiting` was begun and waits
for its next attempt."""


class ResponsePoint(Reply):
    """A trial on the axis of the learning rate."""

    trial: int
    learning_rate: Finite
    value: Loss | None
    """The final value of what is complete; else the last one reported; null where there is none, and where the
    trial diverged."""
    state: PointState
    categories: dict[str, ParameterValue] = Field(default_factory=dict)
    """The trial's own choices (the optimizer, say)."""


class ResponseFit(Reply):
    """The fit on a log grid of rates; lists of one length."""

    learning_rates: list[Finite]
    mean: list[Finite]
    low: list[Finite]
    high: list[Finite]
    """Nine of ten new runs at that rate end between low and high, if they do not diverge."""
    noise: list[Finite]
    """The standard deviation of runs at that rate."""


class LearningRateResponse(Reply):
    """The reply of `GET /v1/studies/{study}/response`."""

    study: str
    parameter: str | None
    """The learning rate; null where the search space has none."""
    metric: str
    direction: Literal["minimize", "maximize"]
    categories: dict[str, ParameterValue]
    """The choices (the optimizer, say) that are suggested: fit, interval, `stable` and `max_stable_learning_rate` are
    theirs. Points are of all choices, and tell their own."""
    points: list[ResponsePoint]
    """By learning rate; at most 300 of a state: complete trials evenly over the ranking, of others the latest."""
    fit: ResponseFit | None
    """Null with fewer than three complete trials."""
    max_stable_learning_rate: Finite | None
    """Null until a trial has diverged."""
    stable: list[Finite]
    """The probability not to diverge, at each rate of the fit's grid; empty without a fit."""
    suggested: Finite | None
    interval: Interval | None
    trials: int
    """Finished trials of the study that tell of full trainings: complete, pruned and diverged ones, no short ones."""
    counts: dict[str, int] = Field(default_factory=dict)
    """The begun trials of the study by the `state` of their points, whether or not all are among `points`."""
    without_rate: int = 0
    """Trials that are no points since their parameters have no learning rate, as one that exists only `when` another
    parameter has some value; of a long history, those among its latest."""
    bounds: Interval | None = None
    """Between which the learning rate is searched."""
