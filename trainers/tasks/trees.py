"""Built-in tasks that grow trees on scikit-learn's handwritten digits: nothing here has a learning rate."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.tasks.decorator import task as mark
from lrtune.trainers.tasks.described import DescribedTask
from lrtune.trainers.tasks.protocols import Params, Report
from lrtune.trainers.tasks.splits import Splits


class Parts(NamedTuple):
    """Inputs [n, 64] and labels [n] to grow on, and to validate on."""

    train_inputs: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    valid_inputs: NDArray[np.float64]
    valid_labels: NDArray[np.int64]


class TreeTask(DescribedTask, ABC):
    """A `Task` of which a subclass says how it grows."""

    @abstractmethod
    def grow(self, params: Params, epochs: int, seed: int, parts: Parts, report: Report) -> float:
        """The metric at the end, after `epochs` ≥ 1 epochs; `report` has had that of each."""

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
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {epochs}")
        digits = load_digits()
        train, valid = Splits(labels=digits.target).rows(fold, folds)
        parts = Parts(digits.data[train], digits.target[train], digits.data[valid], digits.target[valid])
        return self.grow(params, epochs, seed, parts, report or (lambda _epoch, _value: None))


def on_lease(task: TreeTask) -> Callable[[LeasedTrial], float]:
    """The training function of a task: grows on lease, and reports as it does. The seed is the trial's number."""

    @mark(own_length=True)
    def train(trial: LeasedTrial) -> float:
        return task.fit(trial.params, trial.max_steps or task.default_epochs, trial.number, trial.report)

    return train
