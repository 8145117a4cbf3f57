"""A range test of a LightningModule: its own `training_step` and optimizer, and everything put back."""

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.lightning.framework import lightning, torchmetrics
from lrtune.trainers.range_test.sweep import DEFAULT_SEEDS, RangeTest
from lrtune.trainers.range_test.sweep import range_test as test_model


def range_test(
    model: Any,
    data: Any = None,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
    accumulate: int = 1,
    precision: str = "fp32",
    clip_norm: float | None = None,
) -> RangeTest:
    """Tests rates from `low` to `high` on a LightningModule, where it lies; everything is put back afterwards.

    `data` is a loader or a LightningDataModule; None, the module's own `train_dataloader()`. The optimizer is a new one
    of `configure_optimizers()`; its schedules are left out. What the module logs is not kept. For the other arguments,
    and what is put back, see `lrtune.range_test`.

    Raises TrainingError for manual optimization and several optimizers, and as `lrtune.range_test` does.
    """
    if not model.automatic_optimization:
        raise TrainingError("a range test takes the steps itself: it cannot test a module with manual optimization")
    with _alone(model):
        return test_model(
            model,
            _optimizer(model),
            _loader(model, data),
            _loss_function(model),
            low=low,
            high=high,
            steps=steps,
            seeds=seeds,
            accumulate=accumulate,
            precision=precision,
            clip_norm=clip_norm,
        )


@contextmanager
def _alone(model: Any) -> Iterator[None]:
    """Without a trainer, which would take what the module logs; and with its metrics as they were, afterwards."""
    try:
        trainer = model.trainer
    except RuntimeError:  # It never had one.
        trainer = None
    metrics = [module for module in model.modules() if isinstance(module, torchmetrics.Metric)]
    kept = [copy.deepcopy(metric.metric_state) for metric in metrics]
    model.trainer = None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r".*You are trying to `self\.log\(\)`")
            yield
    finally:
        model.trainer = trainer
        for metric, state in zip(metrics, kept, strict=True):
            for name, value in state.items():
                setattr(metric, name, value)


def _optimizer(model: Any) -> Optimizer:
    made = model.configure_optimizers()
    if isinstance(made, dict):
        made = made.get("optimizer")
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], list):
        made = made[0]
    if isinstance(made, list | tuple) and len(made) == 1:
        made = made[0]["optimizer"] if isinstance(made[0], dict) else made[0]
    if not isinstance(made, Optimizer):
        what = f"{len(made)} optimizers" if isinstance(made, list | tuple) else f"a {type(made).__name__}"
        raise TrainingError(f"configure_optimizers must return one optimizer, not {what}: a range test raises one rate")
    return made


def _loader(model: Any, data: Any) -> Any:
    if isinstance(data, lightning.LightningDataModule):
        data.prepare_data()
        data.setup("fit")
        return data.train_dataloader()
    return model.train_dataloader() if data is None else data


def _loss_function(model: Any) -> Callable[[Any, Any], Tensor]:
    takes_index = len(inspect.signature(model.training_step).parameters) > 1

    def loss(module: Any, batch: Any) -> Tensor:
        batch = module.transfer_batch_to_device(batch, module.device, 0)
        made = module.training_step(batch, 0) if takes_index else module.training_step(batch)
        found = made.get("loss") if isinstance(made, dict) else made
        if not isinstance(found, Tensor):
            raise TrainingError(f"training_step must return a loss, a tensor or {{'loss': …}}, not {made!r:.100}")
        return found

    return loss
