"""Schedules that fall (or rise) by a formula. All rates are in the unit of `learning_rate`, steps count from 0.

Each gives the rate of optimizer step `step`, which is what torch's scheduler of that kind shows after `step` calls
of its `step()`.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from sys import float_info

LARGEST = float_info.max


def power(base: float, exponent: float) -> float:
    """base^exponent for base > 0; where that cannot be held, the largest float or 0."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return LARGEST if (base > 1) == (exponent > 0) else 0.0


def constant(_step: int, learning_rate: float) -> float:
    """η₀ at every step; torch's ConstantLR with factor 1."""
    return learning_rate


def step_decay(step: int, learning_rate: float, decay_steps: int, gamma: float) -> float:
    """η₀·γ^⌊t/s⌋. The boundary belongs to the next piece, as in torch's StepLR.

    η₀ = 1, s = 2, γ = 0.5: 1, 1, 0.5, 0.5, 0.25, …
    """
    return learning_rate * power(gamma, step // decay_steps)


def multistep(step: int, learning_rate: float, milestones: Sequence[int], gamma: float) -> float:
    """η₀·γ^#{mᵢ ≤ t}, milestones ascending; torch's MultiStepLR.

    η₀ = 1, milestones 1 and 3, γ = 0.5: 1, 0.5, 0.5, 0.25, 0.25, …
    """
    return learning_rate * power(gamma, bisect_right(milestones, step))


def exponential(step: int, learning_rate: float, gamma: float, decay_steps: int = 1, staircase: bool = False) -> float:
    """η₀·γ^(t/s), or with ⌊t/s⌋; with s = 1 torch's ExponentialLR. γ > 1 rises, as far as floats go.

    η₀ = 1, γ = 1.1: 1, 1.1, 1.21, 1.331, …
    """
    return learning_rate * power(gamma, step // decay_steps if staircase else step / decay_steps)


def exponential_in_k(step: int, learning_rate: float, k: float, decay_steps: int = 1, staircase: bool = False) -> float:
    """η₀·e^(−kt/s): `exponential` with γ = e^(−k), k of any sign.

    η₀ = 1, k = ln 2: 1, 0.5, 0.25, 0.125, …
    """
    try:
        return learning_rate * math.exp(-k * (step // decay_steps if staircase else step / decay_steps))
    except OverflowError:
        return LARGEST


def inverse_time(step: int, learning_rate: float, k: float) -> float:
    """η₀/(1 + kt). Not in torch.

    η₀ = 1, k = 1: 1, 1/2, 1/3, 1/4, …
    """
    return learning_rate / (1.0 + k * step)


def inverse_sqrt(step: int, learning_rate: float, timescale: int) -> float:
    """η₀/√((t + τ)/τ) with t from the end of the warm-up, so the two meet at η₀ (Vaswani et al. 2017). Not in torch.

    η₀ = 1, τ = 1: 1, 0.7071, 0.5774, 0.5, …
    """
    return learning_rate / math.sqrt((step + timescale) / timescale)


def polynomial(step: int, learning_rate: float, decay_steps: int, power: float = 1.0, min_lr: float = 0.0) -> float:
    """(η₀ − ηₑ)·(1 − t/T)^p + ηₑ, and ηₑ past T; with ηₑ = 0 torch's PolynomialLR.

    η₀ = 1, T = 4, p = 2: 1, 0.5625, 0.25, 0.0625, 0, 0, …
    """
    if step >= decay_steps:
        return min_lr
    return (learning_rate - min_lr) * math.pow((decay_steps - step) / decay_steps, power) + min_lr


def cosine(step: int, learning_rate: float, decay_steps: int, min_lr: float = 0.0) -> float:
    """ηₘ + ½(η₀ − ηₘ)(1 + cos πt/T), and ηₘ past T, where torch's CosineAnnealingLR rises again (SGDR, arXiv
    1608.03983).

    η₀ = 1, T = 4: 1, 0.8536, 0.5, 0.1464, 0, 0, …
    """
    if step >= decay_steps:
        return min_lr
    return min_lr + (learning_rate - min_lr) * (1.0 + math.cos(math.pi * step / decay_steps)) / 2.0


def one_minus_sqrt(step: int, learning_rate: float, decay_steps: int, min_lr: float = 0.0) -> float:
    """ηₑ + (η₀ − ηₑ)·(1 − √(t/d)), and ηₑ past d (arXiv 2405.18392). Not in torch.

    η₀ = 1, d = 4: 1, 0.5, 0.2929, 0.1340, 0, 0, …
    """
    if step >= decay_steps:
        return min_lr
    return min_lr + (learning_rate - min_lr) * (1.0 - math.sqrt(step / decay_steps))


def warmup(step: int, target: float, steps: int, kind: str = "linear", start_factor: float | None = None) -> float:
    """From s·target at step 0 to target at step w, along a line (torch's LinearLR) or half a cosine.

    s is 1/(w + 1) unless given, so that step 0 trains. target = 1, w = 4: 0.2, 0.4, 0.6, 0.8, then 1.
    """
    if step >= steps:
        return target
    start = 1.0 / (steps + 1) if start_factor is None else start_factor
    part = step / steps if kind == "linear" else (1.0 - math.cos(math.pi * step / steps)) / 2.0
    return target * (start + (1.0 - start) * part)
