"""One optimizer step: forward and backward over one or more micro-batches, clipping, and the step itself."""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lrtune.trainers.checks import one_of
from lrtune.trainers.distributed.model_ranks import ranks_of
from lrtune.trainers.distributed.sharding import is_sharded
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.clipping import Clipper
from lrtune.trainers.training.loss_functions import LossFunction, of_batch

Precision = Literal["fp32", "bf16", "fp16"]
_AUTOCAST = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class OptimizerStep:
    """Takes steps, and says of each what the loss was and whether the scaler let it happen.

    The loss of several micro-batches is their mean, weighted by their sizes: the same as of one large batch. So is that
    of several ranks, where the model is DistributedDataParallel or sharded by `fully_shard`; all have the same numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_function: LossFunction,
        *,
        precision: str = "fp32",
        scaler: torch.amp.GradScaler | None = None,
        clipper: Clipper | None = None,
    ) -> None:
        """`scaler` defaults to a new one for fp16, and none otherwise. Raises TrainingError for a precision that cannot
        be."""
        self.model = model
        self.ranks = ranks_of(model)
        """Who trains the model; None where this process does alone."""
        self.optimizer = optimizer
        self.loss_function = of_batch(loss_function)
        self.device = next(model.parameters()).device
        self.dtype = _AUTOCAST[one_of("precision", precision, _AUTOCAST)]
        if precision == "fp16" and any(is_sharded(one) for one in model.parameters()):
            raise TrainingError("fp16 overflows in parts of a sharded model, unknown to the others: use bf16 or fp32")
        if scaler is None and precision == "fp16":
            scaler = torch.amp.GradScaler(self.device.type)
        self.scaler = scaler
        self.clipper = clipper or Clipper()

    def __call__(self, micro_batches: Sequence[Any]) -> tuple[float, bool]:
        """The loss, and whether the step was taken: AMP skips one whose gradients overflow.

        A loss that is not finite is not stepped on. Raises TrainingError for a loss that cannot be trained on.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for batch, weight in zip(micro_batches, self._weights(micro_batches), strict=True):
            loss = self.loss(batch)
            total += self._of_all(weight * loss.item())
            if not math.isfinite(total):
                return total, False
            self._scaled(loss * weight if weight != 1.0 else loss).backward()  # type: ignore[no-untyped-call]
        return total, self._step()

    def _weights(self, micro_batches: Sequence[Any]) -> list[float]:
        """What each counts for, so that the gradient is that of the mean loss over all; ranks, which average theirs,
        may have batches of different sizes."""
        if self.ranks is None:
            return _weights(micro_batches)
        sizes = [batch_size_of(batch) or 1 for batch in micro_batches]
        (rows,) = self.ranks.total((float(sum(sizes)),))
        return [size * self.ranks.count / rows for size in sizes]

    def _of_all(self, weighted: float) -> float:
        """The mean over ranks, after which all go on, or none."""
        return weighted if self.ranks is None else self.ranks.mean(weighted)

    def loss(self, batch: Any) -> Tensor:
        """The loss of one batch to train on, checked."""
        loss = self.forward(batch)
        if not loss.requires_grad:
            raise TrainingError(
                "the loss does not require grad: compute it from the model's output, "
                "without detach(), item() or torch.no_grad()"
            )
        return loss

    def forward(self, batch: Any) -> Tensor:
        """The loss of one batch, under autocast: a scalar."""
        with self._autocast():
            loss = self.loss_function(self.model, to_device(batch, self.device))
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            what = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise TrainingError(f"the loss function must return a scalar tensor, not {what}: take its mean")
        return loss.reshape(())

    def _autocast(self) -> AbstractContextManager[Any]:
        """fp32 is fp32 within an autocast of others, too; some devices know none."""
        full = self.dtype is torch.float32
        if full and not torch.amp.is_autocast_available(self.device.type):
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=not full)

    @torch.no_grad()
    def mean_loss(self, batches: Iterable[Any]) -> float:
        """The mean loss over batches, those of all ranks, weighted by their sizes; nothing is trained. NaN without a
        batch."""
        total, count = 0.0, 0.0
        for batch in batches:
            size = batch_size_of(batch) or 1
            total += size * self.forward(batch).item()
            count += size
        if self.ranks is not None:
            total, count = self.ranks.total((total, float(count)))
        return total / count if count else math.nan

    def _scaled(self, loss: Tensor) -> Tensor:
        return loss if self.scaler is None else self.scaler.scale(loss)

    def _step(self) -> bool:
        if self.scaler is None or not self.scaler.is_enabled():
            self._clip()
            self.optimizer.step()
            return True
        if self.clipper.active:
            self.scaler.unscale_(self.optimizer)
            self._clip()
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before

    def _clip(self) -> None:
        self.clipper(one for group in self.optimizer.param_groups for one in group["params"])


def to_device(batch: Any, device: torch.device) -> Any:
    """`batch` with its tensors on `device`; tuples, lists and mappings are followed."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(one, device) for one in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(to_device(one, device) for one in batch)
    if isinstance(batch, Mapping):
        return {key: to_device(one, device) for key, one in batch.items()}
    return batch


def batch_size_of(batch: Any) -> int | None:
    """The first dimension of the first tensor in `batch`; None where it has none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else None
    parts = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, (list, tuple)) else ()
    return next((size for part in parts if (size := batch_size_of(part)) is not None), None)


def _weights(micro_batches: Sequence[Any]) -> list[float]:
    if len(micro_batches) == 1:
        return [1.0]
    sizes = [batch_size_of(batch) for batch in micro_batches]
    known = [size for size in sizes if size]
    if len(known) < len(sizes):
        return [1.0 / len(sizes)] * len(sizes)
    return [size / sum(known) for size in known]
