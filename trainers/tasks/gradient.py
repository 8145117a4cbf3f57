"""Built-in tasks that are trained by gradient descent: everything but the data and the model."""

from abc import ABC, abstractmethod
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lrtune.trainers.tasks.catalogue import Facts
from lrtune.trainers.tasks.described import DescribedTask
from lrtune.trainers.tasks.loop import Training
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.splits import Rows, Splits
from lrtune.trainers.training.data import TensorBatches

DEFAULT_BATCH_SIZE = 64


class Parts(NamedTuple):
    """Inputs [n, ...] and targets [n, ...] to train on, and to validate on."""

    train_inputs: Tensor
    train_targets: Tensor
    valid_inputs: Tensor
    valid_targets: Tensor


class TensorTask(DescribedTask, ABC):
    """A `GradientTask` whose data fits into memory; the loss is the cross-entropy in nats, unless overridden."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self._parts = cache(self._cut)
        self._splits = cache(self.splits)

    @abstractmethod
    def splits(self) -> Splits:
        """How the rows are split."""

    @abstractmethod
    def prepare(self, train: Rows, valid: Rows) -> Parts:
        """The data of these rows, scaled by what the training rows alone say."""

    @abstractmethod
    def network(self, params: Params) -> nn.Module:
        """A new model; weights are drawn from torch's global generator."""

    def parts(self, fold: int | None = None, folds: int | None = None) -> Parts:
        """The data; not to be changed. Raises ValueError where there is no such fold."""
        return self._parts(fold, folds)

    def _cut(self, fold: int | None, folds: int | None) -> Parts:
        return self.prepare(*self._splits().rows(fold, folds))

    def model(self, params: Params, seed: int) -> nn.Module:
        """See `GradientTask`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.network(params)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        """See `GradientTask`."""
        inputs, targets = batch
        return cross_entropy(model(inputs), targets)

    def batches(self, params: Params, *, seed: int, fold: int | None = None, folds: int | None = None) -> TensorBatches:
        """See `GradientTask`."""
        parts = self.parts(fold, folds)
        batch_size = int(params.get("batch_size", DEFAULT_BATCH_SIZE))
        return TensorBatches((parts.train_inputs, parts.train_targets), batch_size, seed=seed)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, *, fold: int | None = None, folds: int | None = None) -> float:
        """See `GradientTask`. The model is left as it was, in training mode or not."""
        parts = self.parts(fold, folds)
        was_training = model.training
        model.eval()
        loss = float(self.loss(model, (parts.valid_inputs, parts.valid_targets)))
        model.train(was_training)
        return loss

    def fit(
        self,
        params: Params,
        epochs: int,
        seed: int,
        report: Report | None = None,
        *,
        fold: int | None = None,
        folds: int | None = None,
    ) -> float:
        """See `Task`."""
        training = Training(self, params, epochs, seed, fold=fold, folds=folds)
        while not training.over:
            training.train_epoch()
            if report is not None:
                report(training.epoch, training.value)
        return training.value


def standardise(values: Tensor, train: Tensor, least: float = 1e-2) -> Tensor:
    """`values` [n, d] less the mean of `train` [m, d], over its standard deviation, or `least` where that is less."""
    return (values - train.mean(0)) / train.std(0, correction=0).clamp_min(least)
