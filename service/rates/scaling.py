"""How the learning rate moves with the batch size and with the length of the training.

- SGD: the rate grows in proportion to the batch (Goyal et al. 2017, "Accurate, large minibatch SGD").
- Adam and RMSProp: the rate grows with the square root, while 1 − β grows in proportion and ε shrinks with the square
  root (Malladi et al. 2022, "On the SDEs and scaling rules for adaptive gradient algorithms").
- Adam's best rate rises with the batch size and falls again beyond a peak (Li et al. 2024, "Surge phenomenon in optimal
  learning rate and batch size scaling").
- A longer training wants a lower rate: measured on 32 small trainings (8 tasks, 4 optimizers, cosine to 0), the best
  rate moved by a quarter of a decade downwards for nine times the steps (median; half of them by 0 to 0.56).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lrtune.service.rates.checks import Refused, count, positive
from lrtune.service.sentences.nearest import did_you_mean

Rule = Literal["linear", "sqrt", "none"]

HORIZON_DECADES = -0.25
"""How far the best rate moves, in decades, for `HORIZON_FACTOR` times the steps."""

HORIZON_FACTOR = 9.0


_ROUNDING = 1e-9


@dataclass(frozen=True)
class _Kind:
    rule: Rule
    betas: tuple[float, ...] = ()
    """The defaults; their number says which the optimizer has."""
    epsilon: float | None = None
    why_none: str = ""


_ADAM = _Kind("sqrt", (0.9, 0.999), 1e-8)
_KINDS: dict[str, _Kind] = {
    "sgd": _Kind("linear"),
    "momentum": _Kind("linear"),
    "nesterov": _Kind("linear"),
    "adam": _ADAM,
    "adamw": _ADAM,
    "rmsprop": _Kind("sqrt", (0.99,), 1e-8),
    "adagrad": _Kind("none", why_none="AdaGrad's steps shrink with the sum of all squared gradients so far"),
    "adadelta": _Kind("none", why_none="AdaDelta sizes its steps by earlier steps; its rate is a factor near 1"),
    "muon": _Kind("none", why_none="Muon's steps have the same norm whatever the gradient's noise"),
    "adafactor": _Kind("none", why_none="Adafactor clips its steps and raises its β₂ as it goes"),
    "schedule_free": _Kind("none", why_none="Schedule-Free averages its iterates, which the rules do not cover"),
}
OPTIMIZERS = tuple(_KINDS)
"""The names that `scale` knows."""


@dataclass(frozen=True)
class Scaling:
    """A rate moved to another batch size and training length."""

    learning_rate: float | None
    """None where no rule is known for the optimizer and the batch size changes."""
    rule: Rule
    batch_factor: float
    """κ = new_batch_size / batch_size."""
    horizon_factor: float
    """What the length of the training multiplies the rate by; 1 where the lengths are not given."""
    betas: tuple[float, ...] | None
    """Adam's β₁ and β₂, RMSProp's α, for the new batch size; None where the optimizer has none."""
    epsilon: float | None
    reason: str
    limits: tuple[str, ...]
    """What the rule does not say, and where it ends."""


def scale(
    learning_rate: float,
    batch_size: int,
    new_batch_size: int,
    optimizer: str,
    *,
    betas: Sequence[float] | None = None,
    epsilon: float | None = None,
    total_steps: int | None = None,
    new_total_steps: int | None = None,
) -> Scaling:
    """Move a rate from one batch size to another, and from one training length (in optimizer steps) to another.

    `betas` and `epsilon` default to the optimizer's usual ones. Adam, 1e-3 at batch 64, to 256: rate 2e-3, β₁ 0.6,
    β₂ 0.996, ε 5e-9. Raises Refused, naming the field, for what is not a finite number > 0, an unknown optimizer, and
    where κ(1 − β) ≥ 1, for which no β is left.
    """
    rate = positive("learning_rate", learning_rate)
    kappa = count("new_batch_size", new_batch_size) / count("batch_size", batch_size)
    kind = _KINDS.get(optimizer)
    if kind is None:
        raise Refused(
            "optimizer",
            f"{optimizer!r} is not known; {did_you_mean(optimizer, OPTIMIZERS)}known are {', '.join(OPTIMIZERS)}",
        )
    horizon, horizon_reason, limits = _horizon(total_steps, new_total_steps)
    given = _checked_betas(kind, optimizer, betas)
    eps = kind.epsilon if epsilon is None else positive("epsilon", epsilon)
    if epsilon is not None and kind.rule != "sqrt":
        raise Refused("epsilon", f"is not scaled for {optimizer}: leave it out")
    if kappa == 1:
        reason = "the batch size stays"
        rate = _representable(rate * horizon)
        return Scaling(rate, kind.rule, 1.0, horizon, given or None, eps, reason + horizon_reason, limits)
    if kind.rule == "none":
        return _no_rule(kind, optimizer, kappa, horizon, limits)
    if kind.rule == "linear":
        limits = (_LINEAR_LIMIT, *limits)
        rate = _representable(rate * kappa * horizon)
        return Scaling(rate, "linear", kappa, horizon, None, None, _LINEAR + horizon_reason, limits)
    scaled = _scaled_betas(given, kappa, batch_size)
    root = math.sqrt(kappa)
    return Scaling(
        learning_rate=_representable(rate * root * horizon),
        rule="sqrt",
        batch_factor=kappa,
        horizon_factor=horizon,
        betas=scaled,
        epsilon=None if eps is None else _representable(eps / root, "epsilon"),
        reason=_SQRT + horizon_reason,
        limits=(_SQRT_PEAK, _SQRT_TOGETHER, *limits),
    )


_LINEAR = "linear: κ times the batch leaves a κ-th of the steps, so each must go κ times as far (Goyal et al. 2017)"
_LINEAR_LIMIT = (
    "holds while the gradient's noise outweighs the gradient: beyond the critical batch size the best rate stops "
    "growing, and a warm-up is needed before that"
)
_SQRT = (
    "sqrt: the step is divided by the gradient's root mean square, whose noise falls with the square root of the "
    "batch (Malladi et al. 2022)"
)
_SQRT_PEAK = (
    "Adam's best rate rises with the batch size and then falls again (Li et al. 2024): beyond the peak, which no "
    "formula gives beforehand, the rate must come down; run a range test at the new batch size"
)
_SQRT_TOGETHER = "holds for the rate, the betas and epsilon together: scaling the rate alone is a guess"


def _checked_betas(kind: _Kind, optimizer: str, betas: Sequence[float] | None) -> tuple[float, ...]:
    if betas is None:
        return kind.betas
    if not kind.betas:
        raise Refused("betas", f"are not scaled for {optimizer}: leave them out")
    if len(betas) != len(kind.betas):
        raise Refused("betas", f"must be {len(kind.betas)} for {optimizer}, not {len(betas)}")
    for index, beta in enumerate(betas):
        if isinstance(beta, bool) or not 0.0 <= beta < 1.0:
            raise Refused(f"betas[{index}]", f"must be at least 0 and below 1, not {beta!r}")
    return tuple(float(beta) for beta in betas)


def _scaled_betas(betas: tuple[float, ...], kappa: float, batch_size: int) -> tuple[float, ...]:
    for beta in betas:
        if kappa * (1.0 - beta) >= 1.0 - _ROUNDING:
            # The largest whole batch strictly below batch_size / (1 − β).
            most = math.ceil(batch_size / (1.0 - beta) * (1.0 - _ROUNDING)) - 1
            raise Refused(
                "new_batch_size",
                f"is too large: with β = {beta:g} the rule holds for κ(1 − β) < 1, and here κ(1 − β) = "
                f"{kappa * (1.0 - beta):.4g}; from batch size {batch_size} it reaches to {most}. "
                "Beyond that, run a range test at the new batch size",
            )
    return tuple(1.0 - kappa * (1.0 - beta) for beta in betas)


def _representable(number: float, field: str = "learning_rate") -> float:
    if not math.isfinite(number) or number <= 0:
        raise Refused(field, "is too near the end of what floating point holds to be scaled")
    return number


def _no_rule(kind: _Kind, optimizer: str, kappa: float, horizon: float, limits: tuple[str, ...]) -> Scaling:
    reason = f"no rule is established for {optimizer}: {kind.why_none}; run a range test at the new batch size"
    return Scaling(None, "none", kappa, horizon, None, None, reason, limits)


def _horizon(total_steps: int | None, new_total_steps: int | None) -> tuple[float, str, tuple[str, ...]]:
    """The factor for the length of the training, the words for it, and its limits."""
    if total_steps is None and new_total_steps is None:
        return 1.0, "", ()
    if total_steps is None or new_total_steps is None:
        missing = "total_steps" if total_steps is None else "new_total_steps"
        raise Refused(missing, "is missing: the length matters as a ratio, so give both or neither")
    longer = count("new_total_steps", new_total_steps) / count("total_steps", total_steps)
    if longer == 1:
        return 1.0, "", ()
    decades = HORIZON_DECADES * math.log(longer) / math.log(HORIZON_FACTOR)
    reason = f"; {longer:.3g} times the steps move the rate by {decades:+.2f} decade (measured: −0.25 for 9 times)"
    limits = ["the move with the length is a median over small trainings annealed to 0; half moved by 0 to 0.56 decade"]
    if not 1 / HORIZON_FACTOR <= longer <= HORIZON_FACTOR:
        limits.append("it was measured up to 9 times the steps: beyond, it is an extrapolation")
    return 10.0**decades, reason, tuple(limits)
