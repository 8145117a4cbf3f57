"""Schedules that rise as well. Cycles are counted in whole numbers: no step falls into the wrong one by rounding."""

import math
from itertools import pairwise

from lrtune.service.rates.schedules.decay import cosine, power


def cycle_of(step: int, first: int, multiplier: int) -> tuple[int, int, int]:
    """Number, position and length of the cycle that `step` is in; cycle i has first·multiplierⁱ steps.

    first = 2, multiplier = 3: steps 0–1 are cycle 0, 2–7 cycle 1, 8–25 cycle 2. step 8: (2, 0, 18).
    """
    if multiplier == 1:
        return step // first, step % first, first
    number, length = 0, first
    while step >= length:
        step -= length
        length *= multiplier
        number += 1
    return number, step, length


def cosine_restarts(
    step: int,
    learning_rate: float,
    first_cycle: int,
    multiplier: int = 1,
    min_lr: float = 0.0,
    gamma: float = 1.0,
    num_cycles: int | None = None,
) -> float:
    """ηₘ + ½(γⁱη₀ − ηₘ)(1 + cos πtᵢ/Tᵢ) in cycle i of Tᵢ = T₀mⁱ steps; ηₘ after the last cycle where they are
    numbered. torch's CosineAnnealingWarmRestarts, stepped (arXiv 1608.03983).

    η₀ = 1, T₀ = 2, m = 2: 1, 0.5, 1, 0.8536, 0.5, 0.1464, 1, …
    """
    number, position, length = cycle_of(step, first_cycle, multiplier)
    if num_cycles is not None and number >= num_cycles:
        return min_lr
    return cosine(position, max(learning_rate * power(gamma, number), min_lr), length, min_lr)


def first_cycle(total_steps: int, num_cycles: int, multiplier: int) -> int:
    """The shortest first cycle with which `num_cycles` cycles last `total_steps` steps.

    100 steps, 3 cycles, multiplier 2: 15 (15 + 30 + 60 = 105).
    """
    length, lengths = 1, 0
    for _ in range(num_cycles):
        lengths += length
        length *= multiplier
    return -(-total_steps // lengths)


def cyclical(
    step: int,
    learning_rate: float,
    min_lr: float,
    up: int,
    down: int,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> float:
    """ηₘ + (η₀ − ηₘ)·Λ·c with c = 1 (triangular), 2^−cycle (triangular2) or γ^t (exp_range); torch's CyclicLR
    without its momentum, so that any optimizer will do (arXiv 1506.01186).

    ηₘ = 0.2, η₀ = 1, up = down = 2: 0.2, 0.6, 1, 0.6, 0.2, 0.6, …
    """
    cycle, position = divmod(step, up + down)
    height = position / up if position <= up else (up + down - position) / down
    scale = 1.0
    if mode == "triangular2":
        scale = power(2.0, -cycle)
    elif mode == "exp_range":
        scale = power(gamma, step)
    return min_lr + (learning_rate - min_lr) * height * scale


def one_cycle(
    step: int,
    learning_rate: float,
    total_steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    anneal: str = "cosine",
    three_phase: bool = False,
) -> float:
    """From η₀/d up to η₀ at step p·T − 1, down to η₀/(d·f) at step T − 1, where it stays; with three phases
    back to η₀/d first. torch's OneCycleLR without its momentum (arXiv 1708.07120).

    Where p·T ≤ 1 there is no step to rise in, and it begins at η₀ (torch divides by zero or skips the peak).
    η₀ = 1, T = 5, p = 0.4, d = 10, f = 10, linear: 0.1, 1, 0.67, 0.34, 0.01, 0.01, …
    """
    knots = one_cycle_knots(learning_rate, total_steps, pct_start, div_factor, final_div_factor, three_phase)
    return _along(float(min(step, total_steps - 1)), knots, anneal)


def one_cycle_knots(
    learning_rate: float,
    total_steps: int,
    pct_start: float,
    div_factor: float,
    final_div_factor: float,
    three_phase: bool,
) -> list[tuple[float, float]]:
    """Where `one_cycle` turns: steps, which need not be whole, and the rates there.

    η₀ = 1, T = 5, p = 0.4, d = 10, f = 10: (0, 0.1), (1, 1), (4, 0.01).
    """
    start = learning_rate / div_factor
    end = start / final_div_factor
    last = total_steps - 1
    peak = min(max(pct_start * total_steps - 1.0, 0.0), float(last))
    knots = [(0.0, start)] if peak > 0 else []
    knots.append((peak, learning_rate))
    if three_phase and 0 < peak < last:
        knots.append((min(2.0 * pct_start * total_steps - 2.0, float(last)), start))
    if knots[-1][0] < last:
        knots.append((float(last), end))
    return knots


def _along(position: float, knots: list[tuple[float, float]], anneal: str) -> float:
    """The value at `position` on the curve through `knots`, ascending (position, value)."""
    for (begin, low), (finish, high) in pairwise(knots):
        if position <= finish:
            part = (position - begin) / (finish - begin)
            if anneal == "linear":
                return low + (high - low) * part
            return high + (low - high) / 2.0 * (1.0 + math.cos(math.pi * part))
    return knots[-1][1]
