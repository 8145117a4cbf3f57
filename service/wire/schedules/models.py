"""The schedules, each with its parameters. What they compute: `rates.schedules`."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from lrtune.service.wire.base import WHOLE
from lrtune.service.wire.schedules.base import (
    DecayingSchedule,
    Factor,
    Floor,
    Milestones,
    Share,
    Steps,
    WarmedSchedule,
    exclusive,
)


def _also_read(words: Mapping[str, str]) -> BeforeValidator:
    """Takes other libraries' words for a value: theirs → ours."""

    def read(value: Any) -> Any:
        return words.get(value, value) if isinstance(value, str) else value

    return BeforeValidator(read)


class Constant(WarmedSchedule):
    """The same rate at every step."""

    formula = "η₀"
    name: Literal["constant"] = "constant"


class Step(WarmedSchedule):
    """Times gamma every `decay_steps` steps; the boundary belongs to the next piece."""

    formula = "η₀·γ^⌊t/s⌋"
    aliases: ClassVar[Mapping[str, str]] = {"step_size": "decay_steps"}
    name: Literal["step"] = "step"
    decay_steps: Steps | None = None
    """s; null for a third of the steps."""
    gamma: Factor = 0.1


class MultiStep(WarmedSchedule):
    """Times gamma at each milestone; the milestone belongs to the next piece."""

    formula = "η₀·γ^#{mᵢ ≤ t}"
    name: Literal["multistep"] = "multistep"
    milestones: Annotated[Milestones, Field(min_length=1)] | None = None
    """Steps, ascending; null for a half and three quarters of all."""
    gamma: Factor = 0.1


class Exponential(WarmedSchedule):
    """Times gamma every step (1.1 raises the rate by a tenth each step)."""

    formula = "η₀·γ^(t/s) = η₀·e^(−kt/s)"
    aliases: ClassVar[Mapping[str, str]] = {"decay_rate": "gamma"}
    name: Literal["exponential"] = "exponential"
    gamma: Factor | None = None
    """null, with k null: the rate falls to 1 % over the training."""
    k: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """In place of gamma: γ = e^(−k)."""
    decay_steps: Steps = 1
    """s: gamma applies once in so many steps."""
    staircase: bool = False
    """Whole powers only: ⌊t/s⌋ in place of t/s."""

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        exclusive(self, "gamma", "k")
        return self


class InverseTime(WarmedSchedule):
    """Falls with 1/t."""

    formula = "η₀/(1 + kt)"
    aliases: ClassVar[Mapping[str, str]] = {"decay_rate": "k"}
    name: Literal["inverse_time"] = "inverse_time"
    k: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """null: the rate falls to a tenth over the training."""


class InverseSqrt(WarmedSchedule):
    """Falls with 1/√t, from η₀ at the end of the warm-up (of w steps) on."""

    formula = "η₀/√((t + τ − w)/τ)"
    name: Literal["inverse_sqrt"] = "inverse_sqrt"
    timescale: Steps | None = None
    """τ; null for the steps of the warm-up, 1 without one."""


class Polynomial(DecayingSchedule):
    """Falls to the lowest rate along a power, and stays there."""

    formula = "(η₀ − ηₑ)·(1 − t/T)^p + ηₑ"
    aliases: ClassVar[Mapping[str, str]] = {"total_iters": "decay_steps", "total_steps": "decay_steps"}
    name: Literal["polynomial"] = "polynomial"
    decay_steps: Steps | None = None
    """T; null for all steps after the warm-up."""
    power: Factor = 1.0
    """p."""


class Linear(DecayingSchedule):
    """Falls to the lowest rate along a line, and stays there."""

    formula = "(η₀ − ηₑ)·(1 − t/T) + ηₑ"
    aliases: ClassVar[Mapping[str, str]] = {"total_iters": "decay_steps", "total_steps": "decay_steps"}
    name: Literal["linear"] = "linear"
    decay_steps: Steps | None = None
    """T; null for all steps after the warm-up."""


class Cosine(DecayingSchedule):
    """Falls to the lowest rate along half a cosine, and stays there (Loshchilov & Hutter 2017)."""

    formula = "ηₘ + ½(η₀ − ηₘ)(1 + cos πt/T)"
    aliases: ClassVar[Mapping[str, str]] = {"T_max": "decay_steps", "total_steps": "decay_steps"}
    name: Literal["cosine"] = "cosine"
    decay_steps: Steps | None = None
    """T; null for all steps after the warm-up."""


class CosineRestarts(DecayingSchedule):
    """Half cosines one after the other, each m times as long as the last (SGDR, Loshchilov & Hutter 2017)."""

    formula = "ηₘ + ½(γⁱη₀ − ηₘ)(1 + cos πtᵢ/Tᵢ), Tᵢ = T₀·mⁱ"
    aliases: ClassVar[Mapping[str, str]] = {
        "T_0": "decay_steps",
        "first_decay_steps": "decay_steps",
        "T_mult": "multiplier",
    }
    name: Literal["cosine_restarts"] = "cosine_restarts"
    decay_steps: Steps | None = None
    """T₀, the length of the first cycle; it goes on restarting for ever."""
    multiplier: Annotated[int, Field(ge=1, le=10**12), WHOLE] = 1
    """m."""
    num_cycles: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = None
    """In place of decay_steps: so many cycles in the training, then the lowest rate. null: 3."""
    gamma: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0
    """The height of each cycle over that of the one before."""

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        exclusive(self, "decay_steps", "num_cycles")
        return self


class Cyclical(WarmedSchedule):
    """Up and down between two rates (CLR, Smith 2017). Momentum is left alone."""

    formula = "ηₘ + (η₀ − ηₘ)·Λ(t)·c, c = 1, 2^−cycle or γ^t"
    aliases: ClassVar[Mapping[str, str]] = {"max_lr": "lr", "base_lr": "min_lr", "step_size": "step_size_up"}
    name: Literal["cyclical"] = "cyclical"
    min_lr: Floor | None = None
    """ηₘ, where it begins; null for a tenth of η₀."""
    step_size_up: Steps | None = None
    """Steps of each rise."""
    step_size_down: Steps | None = None
    """Steps of each fall; null for those of the rise."""
    num_cycles: Annotated[int, Field(ge=1, le=10**6), WHOLE] | None = None
    """In place of the step sizes: so many cycles in the training. null: 3."""
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Factor | None = None
    """Of exp_range; null: the cycles shrink to 1 % over the training."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        exclusive(self, "step_size_up", "num_cycles")
        if self.step_size_down is not None and self.step_size_up is None:
            raise ValueError("step_size_down needs step_size_up: give both, or num_cycles")
        if self.gamma is not None and self.mode != "exp_range":
            raise ValueError(f'gamma belongs to mode "exp_range", but mode is "{self.mode}": leave it out')
        if self.min_lr is not None and self.lr is not None and self.min_lr > self.lr:
            raise ValueError(f"min_lr (base_lr) must be at most lr (max_lr, {self.lr}), but it is {self.min_lr}")
        return self


class OneCycle(WarmedSchedule):
    """One rise to η₀ and one fall to almost nothing (Smith & Topin 2018). Momentum is left alone."""

    formula = "η₀/d → η₀ in the first p of T, then → η₀/(d·f) at T − 1"
    aliases: ClassVar[Mapping[str, str]] = {"max_lr": "lr", "anneal_strategy": "anneal"}
    name: Literal["one_cycle"] = "one_cycle"
    total_steps: Steps | None = None
    """T; null for all steps after the warm-up."""
    pct_start: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.3
    """p, the part of the cycle in which the rate rises."""
    div_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 25.0
    """d: it begins at η₀/d."""
    final_div_factor: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1e4
    """f: it ends at η₀/(d·f)."""
    anneal: Annotated[Literal["cosine", "linear"], _also_read({"cos": "cosine"})] = "cosine"
    three_phase: bool = False
    """Fall as long as it rose, to η₀/d, then on to the end."""

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.three_phase and self.pct_start > 0.5:
            raise ValueError(f"pct_start must be at most 0.5 where three_phase is true, but it is {self.pct_start}")
        return self


class Wsd(DecayingSchedule):
    """Warm-up, stable, decay (Hu et al. 2024; Hägele et al. 2024). The decay may be set late."""

    formula = "η₀ until T − d, then ηₑ + (η₀ − ηₑ)·(1 − √p), p = (t − (T − d))/d"
    aliases: ClassVar[Mapping[str, str]] = {"num_stable_steps": "stable_steps", "num_decay_steps": "decay_steps"}
    name: Literal["wsd"] = "wsd"
    stable_steps: Annotated[int, Field(ge=0, le=10**12), WHOLE] | None = None
    """Steps at η₀; null for what is left of all steps."""
    decay_steps: Steps | None = None
    """d; null for `decay_fraction` of all steps."""
    decay_fraction: Share | None = None
    """The decay as a part of all steps; null for 0.2."""
    decay: Annotated[
        Literal["linear", "cosine", "1-sqrt"],
        _also_read({"1−√": "1-sqrt", "1-√": "1-sqrt", "1−sqrt": "1-sqrt", "minus_sqrt": "1-sqrt", "cos": "cosine"}),
    ] = "1-sqrt"

    @model_validator(mode="after")
    def _one_decay(self) -> Self:
        exclusive(self, "decay_steps", "decay_fraction")
        return self


class Plateau(WarmedSchedule):
    """Times gamma when the metric has not improved for more than `patience` of its values."""

    formula = "η₀·γ^(number of plateaus so far)"
    aliases: ClassVar[Mapping[str, str]] = {"factor": "gamma", "eta_min": "min_lr"}
    name: Literal["plateau"] = "plateau"
    gamma: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.1
    patience: Annotated[int, Field(ge=0, le=10**9), WHOLE] = 10
    """Values without improvement that are borne. Counts metrics, not optimizer steps."""
    threshold: Floor = 1e-4
    """What counts as improvement, relative to the best value's size or absolute."""
    threshold_mode: Annotated[Literal["rel", "abs"], _also_read({"relative": "rel", "absolute": "abs"})] = "rel"
    mode: Annotated[Literal["min", "max"], _also_read({"minimize": "min", "maximize": "max"})] = "min"
    """Whether the metric is to fall or to rise."""
    cooldown: Annotated[int, Field(ge=0, le=10**9), WHOLE] = 0
    """Values after a reduction that do not count."""
    min_lr: Floor = 0.0
    """The lowest rate."""
    eps: Floor = 1e-8
    """A reduction by no more than this is not made."""
