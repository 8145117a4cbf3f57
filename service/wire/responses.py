"""The response of a study's metric to its learning rate."""

from typing import Literal

from lrtune.service.wire.base import Finite, Loss, ParameterValue, Reply


class ResponsePoint(Reply):
    """A finished trial on the axis of the learning rate."""

    trial: int
    learning_rate: Finite
    value: Loss | None
    """Null where it diverged."""
    state: Literal["complete", "diverged"]


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
    """The choices (the optimizer, say) of the best trial: the points and the fit are of trials with the same."""
    points: list[ResponsePoint]
    """At most 400: complete trials evenly over the ranking, and the latest that diverged."""
    fit: ResponseFit | None
    """Null with fewer than three complete trials."""
    max_stable_learning_rate: Finite | None
    """Null until a trial has diverged."""
    stable: list[Finite]
    """The probability not to diverge, at each rate of the fit's grid; empty without a fit."""
    suggested: Finite | None
    interval: tuple[Finite, Finite] | None
    trials: int
    """Finished trials of the study, without short trainings, which are no points either."""
