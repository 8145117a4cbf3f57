"""What a training gives back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from lrtune.service.rates.diagnosis import Diagnosis, diagnose


@dataclass(frozen=True)
class Evaluation:
    """The metric after `step` optimizer steps, and the mean training loss since the evaluation before."""

    step: int
    value: float
    training_loss: float


@dataclass(frozen=True)
class FitResult:
    """How a training went."""

    outcome: Literal["complete", "diverged"]
    final: float
    """The last evaluation; not finite where the training diverged."""
    best: float
    """The lowest evaluation; nan without a finite one."""
    best_step: int | None
    curve: tuple[Evaluation, ...]
    losses: tuple[float, ...]
    """The training loss of every optimizer step, [steps]; one more, not finite, where it diverged."""
    clip_rate: float | None
    """The share of the steps whose gradients were clipped; None without clipping."""
    diagnosis: Diagnosis
    """What the curve says about the learning rate."""
    steps: int
    """Optimizer steps taken; those that AMP skipped do not count."""
    seconds: float
    """Time spent, that before a resume included."""
    model: nn.Module = field(repr=False)

    @classmethod
    def of(
        cls,
        outcome: Literal["complete", "diverged"],
        curve: Sequence[Evaluation],
        losses: Sequence[float],
        *,
        learning_rate: float,
        clip_rate: float | None,
        steps: int,
        seconds: float,
        model: nn.Module,
        initial_value: float | None = None,
    ) -> "FitResult":
        """The result of what was recorded; there is at least one evaluation. `initial_value`: the metric before the
        first step, where it is known."""
        finite = [one for one in curve if math.isfinite(one.value)]
        best = min(finite, key=lambda one: one.value, default=None)
        steps_of, values = [one.step for one in curve], [one.value for one in curve]
        return cls(
            outcome=outcome,
            final=curve[-1].value,
            best=math.nan if best is None else best.value,
            best_step=None if best is None else best.step,
            curve=tuple(curve),
            losses=tuple(losses),
            clip_rate=clip_rate,
            diagnosis=diagnose(
                steps_of, values, learning_rate=learning_rate, clip_rate=clip_rate, initial_value=initial_value
            ),
            steps=steps,
            seconds=seconds,
            model=model,
        )
