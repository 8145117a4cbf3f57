"""A range test of a compiled Keras model: its own optimizer, loss and `train_step`, and everything put back."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from lrtune.service.rates.range_test.running_median import half_window
from lrtune.service.rates.range_test.stop_rule import StopRule
from lrtune.trainers.checks import at_least
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.keras.framework import keras, require_torch
from lrtune.trainers.integrations.keras.variables import built, preserved
from lrtune.trainers.range_test.result import RangeTest
from lrtune.trainers.range_test.sweep import DEFAULT_SEEDS, exponential
from lrtune.trainers.state.random_state import random_state_kept, seed_everything


def range_test(
    model: Any,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
) -> RangeTest:
    """Tests rates from `low` to `high` on a compiled `model`; weights, optimizer and random state are put back.

    `x` and `y` are arrays or tensors, [samples, …], or nested structures of them, of which batches of `batch_size` are
    drawn; or `x` is an iterable of batches (x, y) or (x, y, sample_weight) that can be begun again. Each seed begins
    with the same weights and sees another order. The loss is the one that `fit` shows, of the batch with which the
    step was taken.

    Raises TrainingError before the first step for a model that is not compiled or whose optimizer follows a schedule,
    rates that are not finite, > 0 and rising, fewer than 10 steps, and data of one batch only; later for data that is
    not finite.
    """
    require_torch("a range test")
    seeds = range(at_least("seeds", seeds, 1)) if isinstance(seeds, int) else seeds
    if not seeds:
        raise TrainingError("seeds must name at least one seed, as in seeds=(0, 1, 2)")
    rates = exponential(low, high, steps)
    batches = _Batches(x, y, at_least("batch_size", batch_size, 1))
    with random_state_kept():
        _prepare(model, batches)
    return RangeTest.of(rates, [_sweep(model, batches, rates, seed) for seed in seeds], seeds)


class _Batches:
    """Batches without end, in an order that depends on the random state."""

    def __init__(self, x: Any, y: Any, batch_size: int) -> None:
        self._arrays = None if y is None else (x, y)
        self._batches: Iterable[Any] = () if y is not None else x
        self._size = batch_size
        if self._arrays is None:
            self._check_iterable()
        else:
            self._samples = _samples(self._arrays)
            if self._samples < 2 * batch_size:
                raise TrainingError(
                    f"{self._samples} samples are fewer than two batches of {batch_size}: give a smaller batch_size"
                )

    def _check_iterable(self) -> None:
        if not isinstance(self._batches, Iterable) or isinstance(self._batches, np.ndarray):
            raise TrainingError("y is missing: give arrays x and y, or in their place an iterable of batches (x, y)")
        if iter(self._batches) is self._batches:
            raise TrainingError(
                f"batches must be an iterable that can be begun again, not a {type(self._batches).__name__}: give a "
                "list or a DataLoader"
            )
        count = sum(1 for _ in zip(range(2), self._batches, strict=False))
        if count < 2:
            raise TrainingError(f"there are {count} batches, and a range test takes 2 at the least: give smaller ones")

    def first(self) -> Any:
        """A batch, whichever."""
        return next(iter(self))

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield from self._batches if self._arrays is None else self._drawn()

    def _drawn(self) -> Iterator[Any]:
        order = np.random.permutation(self._samples)
        for start in range(0, self._samples - self._size + 1, self._size):
            chosen = order[start : start + self._size]
            yield keras.tree.map_structure(lambda array, at=chosen: array[at], self._arrays)


def _samples(arrays: Any) -> int:
    """How many samples there are. Raises TrainingError where the arrays have none, or not equally many."""
    shapes = [tuple(getattr(array, "shape", ())) for array in keras.tree.flatten(arrays)]
    counts = {shape[0] for shape in shapes if shape}
    if len(counts) != 1 or not all(shapes):
        raise TrainingError(
            f"x and y must be arrays of equally many samples, not of the shapes {', '.join(map(str, shapes))}: "
            "give NumPy arrays or tensors, [samples, …]"
        )
    return int(counts.pop())


def _prepare(model: Any, batches: _Batches) -> None:
    """Builds what Keras else builds with the first step. Raises TrainingError."""
    if not model.built:
        model(batches.first()[0])
    built(model)
    try:
        model.optimizer.learning_rate = float(model.optimizer.learning_rate)
    except (TypeError, AttributeError):
        raise TrainingError(
            "the optimizer follows a schedule or a function, which would set the rate in place of the range test: "
            "compile the model with a number as its learning_rate first"
        ) from None


def _sweep(model: Any, batches: _Batches, rates: Sequence[float], seed: int) -> list[float]:
    losses, rule = list[float](), StopRule(half_window=half_window(rates))
    with preserved(model):
        seed_everything(seed)
        for rate, batch in zip(rates, batches, strict=False):
            model.optimizer.learning_rate = rate
            losses.append(_loss(model, batch))
            if rule.update(losses[-1]):
                break
    return losses


def _loss(model: Any, batch: Any) -> float:
    """The loss of a step on `batch`. Raises TrainingError where it is not finite since the data is not."""
    loss = _measured(model, batch)
    if not math.isfinite(loss):
        _check_finite(batch)
    return loss


def _measured(model: Any, batch: Any) -> float:
    try:
        logs = model.train_on_batch(*batch, return_dict=True)
    except RuntimeError:
        _check_finite(batch)
        if _is_finite(model, batch[0]):
            raise
        return math.nan  # Some losses of torch refuse what is not finite: binary cross-entropy does.
    if "loss" not in logs:
        raise TrainingError(f"train_step must return a 'loss', not only {', '.join(sorted(logs)) or 'nothing'}")
    return float(logs["loss"])


def _check_finite(batch: Any) -> None:
    for name, part in zip(("x", "y", "sample_weight"), batch, strict=False):
        for array in keras.tree.flatten(part):
            numbers = keras.ops.convert_to_numpy(array)
            if numbers.dtype.kind == "f" and not np.isfinite(numbers).all():
                raise TrainingError(
                    f"{name} holds numbers that are not finite, NaN say, and with these the loss is none at any "
                    "rate: leave such samples out, or fill them in"
                )


def _is_finite(model: Any, inputs: Any) -> bool:
    """Whether all that the model makes of `inputs` is finite."""
    with torch.no_grad():
        return all(bool(keras.ops.isfinite(output).all()) for output in keras.tree.flatten(model(inputs)))
