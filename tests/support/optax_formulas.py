"""The schedules of optax that our code calls, by the formulas of its documentation (optax 0.2.8), for where optax is
not installed."""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np

Schedule = Callable[[float], float]


def constant_schedule(value: float) -> Schedule:
    return lambda _: value


def polynomial_schedule(init_value: float, end_value: float, power: float, transition_steps: int) -> Schedule:
    def rate(count: float) -> float:
        part = 1 - np.clip(count, 0, transition_steps) / transition_steps
        return float((init_value - end_value) * part**power + end_value)

    return rate


def linear_schedule(init_value: float, end_value: float, transition_steps: int) -> Schedule:
    return polynomial_schedule(init_value, end_value, 1, transition_steps)


def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0) -> Schedule:
    def rate(count: float) -> float:
        cosine = 0.5 * (1 + np.cos(np.pi * min(count, decay_steps) / decay_steps))
        return float(init_value * ((1 - alpha) * cosine + alpha))

    return rate


def exponential_decay(init_value: float, transition_steps: int, decay_rate: float, staircase: bool = False) -> Schedule:
    def rate(count: float) -> float:
        part = count / transition_steps
        return init_value if count <= 0 else float(init_value * decay_rate ** (np.floor(part) if staircase else part))

    return rate


def piecewise_constant_schedule(init_value: float, boundaries_and_scales: Mapping[int, float]) -> Schedule:
    def rate(count: float) -> float:
        passed = [scale for boundary, scale in boundaries_and_scales.items() if count >= boundary]
        return float(init_value * np.prod(passed))

    return rate


def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    def rate(step: float) -> float:
        found = schedules[0](step)
        for boundary, schedule in zip(boundaries, schedules[1:], strict=True):
            found = found if step < boundary else schedule(step - boundary)
        return found

    return rate


def adamw(learning_rate: Schedule) -> SimpleNamespace:
    return SimpleNamespace(learning_rate=learning_rate)
