"""Gradient clipping, and how often it was needed."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lrtune.trainers.checks import positive
from lrtune.trainers.distributed.sharding import is_sharded, over_parts, part_here


class Clipper:
    """Clips gradients to a total norm, to a largest absolute value, or both (value first); counts the steps.

    A clip rate near 1 says that the limit, not the learning rate, decides the length of the steps.
    """

    def __init__(self, *, norm: float | None = None, value: float | None = None) -> None:
        """Raises TrainingError for a limit that is not finite and > 0."""
        self.norm = None if norm is None else positive("clip_norm", norm)
        self.value = None if value is None else positive("clip_value", value)
        self.steps = 0
        """Optimizer steps with finite gradients."""
        self.clipped = 0
        """Those in which a gradient was changed."""

    @property
    def active(self) -> bool:
        """Whether there is a limit at all."""
        return self.norm is not None or self.value is not None

    @property
    def rate(self) -> float | None:
        """The share of the steps that were clipped; None without a limit or a step."""
        return self.clipped / self.steps if self.active and self.steps else None

    def __call__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Clips the gradients of `parameters` in place. Non-finite ones are not counted as a step."""
        gradients = [one.grad for one in parameters if one.grad is not None]
        if not self.active or not gradients:
            return
        here = [part_here(one) for one in gradients]
        limits = []
        if self.value is not None:
            limits.append((_total_norm(gradients, math.inf), self.value))
            torch._foreach_clamp_min_(here, -self.value)
            torch._foreach_clamp_max_(here, self.value)
        if self.norm is not None:
            limits.append((self._clip_norm(gradients), self.norm))
        if all(math.isfinite(size) for size, _ in limits):
            self.steps += 1
            self.clipped += any(size > limit for size, limit in limits)

    def _clip_norm(self, gradients: list[Tensor]) -> float:
        """As `torch.nn.utils.clip_grad_norm_`; gradients within the limit are left bit for bit."""
        size = _total_norm(gradients)
        if self.norm is not None and size > self.norm:
            torch._foreach_mul_(gradients, self.norm / size)
        return size

    def state_dict(self) -> dict[str, Any]:
        """The counts."""
        return {"steps": self.steps, "clipped": self.clipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Counts on from `state`."""
        self.steps, self.clipped = int(state["steps"]), int(state["clipped"])


def _total_norm(gradients: list[Tensor], order: float = 2.0) -> float:
    """Over all of them, and all ranks' parts."""
    parts = [part for part in (part_here(one) for one in gradients) if part.numel()]
    own = nn.utils.get_total_norm(parts, order) if parts else part_here(gradients[0]).new_zeros(())
    if not is_sharded(gradients[0]):
        return float(own)
    if math.isinf(order):
        return float(over_parts(own, gradients[0], "max"))
    return math.sqrt(float(over_parts(own.square(), gradients[0], "sum")))
