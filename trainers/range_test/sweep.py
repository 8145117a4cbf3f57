"""The learning-rate range test: raise the rate at every step, look at the loss, put everything back.

    tested = range_test(model, optimizer, loader, lambda model, batch: cross_entropy(model(batch[0]), batch[1]))
    tested.analysis.recommended  # 0.012

Smith 2017, "Cyclical learning rates for training neural networks".
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lrtune.service.rates.range_test.running_median import half_window
from lrtune.service.rates.range_test.stop_rule import StopRule
from lrtune.trainers.checks import at_least, positive, trainable
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.clipping import Clipper
from lrtune.trainers.range_test.result import RangeTest
from lrtune.trainers.state.random_state import seed_everything
from lrtune.trainers.state.snapshots import preserved, reseed
from lrtune.trainers.training.data import with_new_workers
from lrtune.trainers.training.loss_functions import LossFunction
from lrtune.trainers.training.lr_scheduler import set_rates
from lrtune.trainers.training.optimizer_step import OptimizerStep

DEFAULT_SEEDS = (0, 1, 2)
FEWEST_STEPS = 10
MOST_SKIPPED = 40
"""Steps in a row that AMP may skip; its scale has then fallen from 65,536 to less than 1e-7."""


OnStep = Callable[[int, float, float], None]
"""Called after each step with its number, from 1, its rate and its loss."""


def range_test(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss_function: LossFunction,
    *,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
    accumulate: int = 1,
    precision: str = "fp32",
    scaler: torch.amp.GradScaler | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> RangeTest:
    """Tests rates from `low` to `high`, and leaves no trace: model, optimizer, random state and data are put back.

    The rate rises by the same factor at every step that AMP does not skip. Parameter groups keep their ratios; the
    rates are those of the base, `optimizer.defaults["lr"]` where a group has it, else the highest group's. `batches`
    is begun again when it ends. Each seed begins with the same weights and sees another order (and dropout); for
    other weights, too, use `lrtune.trainers.range_test.sweep.sweep`. All of the model is in training mode. The loss
    beside a rate is that of the batch with which the step was taken.

    Several ranks test a model together where it is DistributedDataParallel or sharded by `fully_shard`: all call it,
    each with its own `batches`, and have the same answer, by the mean loss over their batches.

    Raises TrainingError before the first step for a model with nothing to train, rates that are not finite, > 0 and
    rising, fewer than 10 steps, batches that are one only or cannot be begun again, or a loss without gradient.
    """
    seeds = range(at_least("seeds", seeds, 1)) if isinstance(seeds, int) else seeds
    if not seeds:
        raise TrainingError("seeds must name at least one seed, as in seeds=(0, 1, 2)")
    rates = exponential(low, high, steps)
    losses = [
        sweep(
            model,
            optimizer,
            batches,
            loss_function,
            learning_rates=rates,
            seed=seed,
            accumulate=accumulate,
            precision=precision,
            scaler=scaler,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        for seed in seeds
    ]
    return RangeTest.of(rates, losses, seeds)


def exponential(low: float, high: float, steps: int) -> list[float]:
    """`steps` rates from `low` to `high`, each the same factor above the one before."""
    low, high = positive("low", low), positive("high", high)
    if low >= high:
        raise TrainingError(f"low must be below high, not {low:g} and {high:g}")
    steps = at_least("steps", steps, FEWEST_STEPS)
    factor = math.log(high / low) / (steps - 1)
    return [low, *(low * math.exp(factor * step) for step in range(1, steps - 1)), high]


def sweep(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Any],
    loss_function: LossFunction,
    *,
    learning_rates: Sequence[float],
    seed: int | None = None,
    accumulate: int = 1,
    precision: str = "fp32",
    scaler: torch.amp.GradScaler | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    on_step: OnStep | None = None,
) -> list[float]:
    """The losses of one pass over `learning_rates`, up to where it stopped; everything is restored, as by `range_test`.

    `seed` None: goes on from the random state there is.
    """
    trainable(model)
    _check_optimizer(optimizer)
    batches = with_new_workers(batches)
    accumulate = at_least("accumulate", accumulate, 1)
    clipper = Clipper(norm=clip_norm, value=clip_value)
    step = OptimizerStep(model, optimizer, loss_function, precision=precision, scaler=scaler, clipper=clipper)
    with preserved(model, optimizer, batches=batches, scaler=step.scaler):
        _check_batches(batches)
        if seed is not None:
            seed_everything(seed + (0 if step.ranks is None else step.ranks.seed_offset))
            reseed(batches, seed)
        model.train()
        if hasattr(optimizer, "train"):
            optimizer.train()
        with _closing(_endless(batches)) as stream:
            return _raise_rate(step, stream, learning_rates, accumulate, on_step)


def _raise_rate(
    step: OptimizerStep, stream: Iterator[Any], rates: Sequence[float], accumulate: int, on_step: OnStep | None
) -> list[float]:
    ratios, losses = _ratios(step.optimizer), list[float]()
    rule = StopRule(half_window=half_window(rates))
    for rate in rates:
        _set_rates(step.optimizer, [rate * ratio for ratio in ratios])
        for _ in range(MOST_SKIPPED):
            loss, taken = step([next(stream) for _ in range(accumulate)])
            if taken or not math.isfinite(loss):
                break
        overflows = math.isfinite(loss) and not taken
        losses.append(math.nan if overflows else loss)
        if on_step is not None:
            on_step(len(losses), rate, losses[-1])
        if rule.update(losses[-1]) or overflows:
            break
    return losses


def _ratios(optimizer: torch.optim.Optimizer) -> list[float]:
    """Each group's rate over the base."""
    rates = set_rates(optimizer.param_groups)
    default = optimizer.defaults.get("lr")
    base = float(default) if default is not None and float(default) in rates else max(rates)
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates) or base <= 0:
        raise TrainingError(
            f"the optimizer's learning rates must be finite and > 0, not {rates}: their ratios are kept"
        )
    return [rate / base for rate in rates]


def _set_rates(optimizer: torch.optim.Optimizer, rates: Sequence[float]) -> None:
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _check_optimizer(optimizer: torch.optim.Optimizer) -> None:
    if isinstance(optimizer, torch.optim.LBFGS):
        raise TrainingError("a range test takes one step a batch, LBFGS several: use another optimizer")
    _ratios(optimizer)


def _check_batches(batches: Iterable[Any]) -> None:
    """Raises TrainingError unless there are two batches at least, and a second pass over them can be had."""
    if iter(batches) is batches:
        raise TrainingError(
            f"batches must be an iterable that can be begun again, not a {type(batches).__name__}: "
            "give the DataLoader itself, or a list"
        )
    with _closing(iter(batches)) as first:
        count = sum(1 for _, _ in zip(range(2), first, strict=False))
    if count < 2:
        remedy = "give a smaller batch size" if count else "give some data"
        raise TrainingError(f"batches has {'one batch only' if count else 'no batch'}: {remedy}")


@contextmanager
def _closing(iterator: Iterator[Any]) -> Iterator[Iterator[Any]]:
    """Ends a generator where it stands."""
    try:
        yield iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _endless(batches: Iterable[Any]) -> Iterator[Any]:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise TrainingError("batches had none left on a second pass: give an iterable that can be begun again")
