"""A model with what trains it: the state of a training between two optimizer steps, whatever loop drives it."""

from typing import Any

import torch
from torch import nn

from lrtune.service.wire.schedules import ScheduleError
from lrtune.trainers.distributed.model_ranks import bare
from lrtune.trainers.distributed.sharding import in_parts, optimizer_in_parts, whole
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import SETTINGS
from lrtune.trainers.optimizers.clipping import Clipper
from lrtune.trainers.training.loss_functions import LossFunction
from lrtune.trainers.training.lr_scheduler import ScheduledLR
from lrtune.trainers.training.optimizer_step import OptimizerStep
from lrtune.trainers.training.resuming import check_optimizer


class Learner:
    """A model, its optimizer, its schedule, and what takes a step with them. Can be kept and gone on from."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_function: LossFunction,
        *,
        schedule: Any,
        total_steps: int,
        precision: str = "fp32",
        clipper: Clipper | None = None,
    ) -> None:
        """Raises TrainingError for a schedule or precision that cannot be."""
        self.model = model
        self.optimizer: Any = optimizer
        try:
            self.scheduler = ScheduledLR(optimizer, schedule, total_steps=total_steps)
        except ScheduleError as error:
            raise TrainingError(str(error)) from error
        self.step = OptimizerStep(model, optimizer, loss_function, precision=precision, clipper=clipper)

    def mode(self, *, training: bool) -> None:
        """For dropout and norms; a schedule-free optimizer has two sets of weights, too."""
        if hasattr(self.optimizer, "train"):
            self.optimizer.train() if training else self.optimizer.eval()
        self.model.train(training)

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides how its training goes on, but for data and random state; as of one process, however
        many ranks there are, all of which must call it."""
        return {
            "model": whole(bare(self.model).state_dict()),
            "buffers": self._buffers_beside(),
            "optimizer": whole(self.optimizer.state_dict()),
            "optimizer_class": type(self.optimizer).__name__,
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.step.scaler and self.step.scaler.state_dict(),
            "clipper": self.step.clipper.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from `state`. The schedule and length given now are followed from the step that it had reached.

        Raises TrainingError, naming what differs, for a state of another optimizer or other settings of it; half
        loaded, for one of something else.
        """
        schedule = self.scheduler.state_dict()
        try:
            self._check_optimizer(state)
            reached = {key: state["scheduler"][key] for key in ("last_epoch", "plateaus")}
            model = bare(self.model)
            model.load_state_dict(in_parts(state["model"], model.state_dict()))
            self._load_buffers(state.get("buffers", {}))
            self.optimizer.load_state_dict(optimizer_in_parts(state["optimizer"], self.optimizer))
            self.scheduler.load_state_dict(schedule | reached)
            if self.step.scaler is not None and state["scaler"]:
                self.step.scaler.load_state_dict(state["scaler"])
            self.step.clipper.load_state_dict(state["clipper"])
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise TrainingError(f"the checkpoint is of another model, optimizer or schedule: {error}") from error

    def _buffers_beside(self) -> dict[str, torch.Tensor]:
        """Those that the model leaves out of its state dict: a training may move them all the same."""
        model = bare(self.model)
        kept = model.state_dict().keys()
        return {name: buffer for name, buffer in model.named_buffers() if name not in kept}

    @torch.no_grad()
    def _load_buffers(self, kept: dict[str, torch.Tensor]) -> None:
        now = self._buffers_beside()
        for name, buffer in kept.items():
            now[name].copy_(buffer)

    def _check_optimizer(self, state: dict[str, Any]) -> None:
        now = type(self.optimizer).__name__
        before = state.get("optimizer_class", now)
        if before != now:
            raise TrainingError(f"its optimizer is {before}, and now {now}")
        check_optimizer(state["optimizer"], self.optimizer.state_dict(), SETTINGS)
