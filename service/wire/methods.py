"""Samplers and pruners by name, with their options."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lrtune.service.wire.base import WHOLE, Body, Finite

Seed = Annotated[int, Field(ge=0, lt=2**31), WHOLE]
Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]
Resource = Annotated[int, Field(ge=1, le=10**9), WHOLE]
"""Steps, as halving rules count them."""


class _Sampler(Body):
    seed: Seed = 0
    """The same seed, history and spec give the same parameters."""


class AutoSampler(_Sampler):
    """Our default: a Gaussian process on log(learning rate) and the rest from the second trial on, kept off rates that
    are likely to diverge. With the pruner `auto` and `max_steps`, trials of resumable trainers are paused and promoted.
    """

    name: Literal["auto"] = "auto"


class TpeSampler(_Sampler):
    """Tree-structured Parzen estimator."""

    name: Literal["tpe"]
    n_startup_trials: Count = 10
    n_ei_candidates: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 24


class GpSampler(_Sampler):
    """Gaussian process with log expected improvement. The service needs torch for it."""

    name: Literal["gp"]
    n_startup_trials: Count = 10
    deterministic_objective: bool = False


class CmaesSampler(_Sampler):
    """Covariance matrix adaptation evolution strategy; conditional and categorical parameters are drawn
    at random."""

    name: Literal["cmaes"]
    n_startup_trials: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = 1
    sigma0: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class QmcSampler(_Sampler):
    """Quasi-random points."""

    name: Literal["qmc"]
    qmc_type: Literal["sobol", "halton"] = "sobol"
    scramble: bool = True


class RandomSampler(_Sampler):
    """Independent uniform draws (log-uniform where the parameter is)."""

    name: Literal["random"]


class GridSampler(_Sampler):
    """Every point of a grid once, in random order: `points` values for a float without step."""

    name: Literal["grid"]
    points: Annotated[int, Field(ge=2, le=1000), WHOLE] = 10


class BruteForceSampler(_Sampler):
    """Every combination once, conditions included; each float needs a `step`."""

    name: Literal["bruteforce"]


Sampler = Annotated[
    AutoSampler | TpeSampler | GpSampler | CmaesSampler | QmcSampler | RandomSampler | GridSampler | BruteForceSampler,
    Field(discriminator="name"),
]


class AutoPruner(Body):
    """Our default: stop what loses the race against the finished trials, as far as their own curves say that early
    ranks can be trusted. Where only the rate is searched nothing is raced."""

    name: Literal["auto"] = "auto"


class MedianPruner(Body):
    """Stop below the median of the finished trials at the same step."""

    name: Literal["median"]
    n_startup_trials: Count = 5
    n_warmup_steps: Count = 0
    interval_steps: Annotated[int, Field(ge=1, le=10**9), WHOLE] = 1


class PercentilePruner(Body):
    """Keep the best `percentile` per cent at each step."""

    name: Literal["percentile"]
    percentile: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 25.0
    n_startup_trials: Count = 5
    n_warmup_steps: Count = 0
    interval_steps: Annotated[int, Field(ge=1, le=10**9), WHOLE] = 1


class AshaPruner(Body):
    """Asynchronous successive halving, as a stopping rule."""

    name: Literal["asha"]
    min_resource: Resource = 1
    reduction_factor: Annotated[int, Field(ge=2, le=1000), WHOLE] = 3
    min_early_stopping_rate: Annotated[int, Field(ge=0, le=100), WHOLE] = 0


class HyperbandPruner(Body):
    """Several successive-halving brackets. `max_resource` is the study's `max_steps` unless given."""

    name: Literal["hyperband"]
    min_resource: Resource = 1
    max_resource: Resource | None = None
    reduction_factor: Annotated[int, Field(ge=2, le=1000), WHOLE] = 3


class ThresholdPruner(Body):
    """Stop where a reported value leaves [lower, upper]."""

    name: Literal["threshold"]
    lower: Finite | None = None
    upper: Finite | None = None
    n_warmup_steps: Count = 0

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.lower is None and self.upper is None:
            raise ValueError("threshold needs lower, upper or both")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower must be less than upper, but {self.lower} >= {self.upper}")
        return self


class WilcoxonPruner(Body):
    """Signed-rank test against the best trial; for steps that are folds or instances."""

    name: Literal["wilcoxon"]
    p_threshold: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.1
    n_startup_steps: Count = 2


class NoPruner(Body):
    """Every trial trains to its end."""

    name: Literal["none"]


class PatientPruner(Body):
    """Wait until a trial has not improved for `patience` steps, then ask the `wrapped` pruner (or stop)."""

    name: Literal["patient"]
    patience: Count = 3
    min_delta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    wrapped: (
        Annotated[
            AutoPruner
            | MedianPruner
            | PercentilePruner
            | AshaPruner
            | HyperbandPruner
            | ThresholdPruner
            | WilcoxonPruner,
            Field(discriminator="name"),
        ]
        | None
    ) = None


Pruner = Annotated[
    AutoPruner
    | MedianPruner
    | PercentilePruner
    | AshaPruner
    | HyperbandPruner
    | PatientPruner
    | ThresholdPruner
    | WilcoxonPruner
    | NoPruner,
    Field(discriminator="name"),
]
