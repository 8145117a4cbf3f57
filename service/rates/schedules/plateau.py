"""The metric-driven schedule: a state, and what a metric makes of it."""

import math
from dataclasses import dataclass, replace

from lrtune.service.wire.schedules.models import Plateau


@dataclass(frozen=True)
class PlateauState:
    """What the metrics so far have led to."""

    learning_rate: float
    best: float | None = None
    """The best metric seen; None before the first finite one."""
    bad: int = 0
    """Metrics in a row without improvement."""
    cooldown: int = 0
    """Metrics that will not count as bad."""


def observe(state: PlateauState, metric: float, schedule: Plateau) -> PlateauState:
    """The state after one more metric; torch's ReduceLROnPlateau, but for relative thresholds of negative metrics.

    There torch takes best·(1 − threshold), which lies above a negative best, so that a worse metric is an
    improvement; here it is best − threshold·|best|. A metric that is nan is no improvement.

    η₀ = 1, γ = 0.1, patience 1, metrics 5, 5, 5, 5, 5: the rates after them are 1, 1, 0.1, 0.1, 0.01.
    """
    if _improves(metric, state.best, schedule):
        state = replace(state, best=metric, bad=0)
    else:
        state = replace(state, bad=state.bad + 1)
    if state.cooldown > 0:
        state = replace(state, cooldown=state.cooldown - 1, bad=0)
    if state.bad > schedule.patience:
        reduced = max(state.learning_rate * schedule.gamma, schedule.min_lr)
        kept = state.learning_rate - reduced <= schedule.eps
        rate = state.learning_rate if kept else reduced
        state = replace(state, learning_rate=rate, cooldown=schedule.cooldown, bad=0)
    return state


def _improves(metric: float, best: float | None, schedule: Plateau) -> bool:
    sign = 1.0 if schedule.mode == "min" else -1.0
    if best is None:
        return sign * metric < math.inf
    margin = schedule.threshold * (abs(best) if schedule.threshold_mode == "rel" else 1.0)
    return sign * metric < sign * best - margin
