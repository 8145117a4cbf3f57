"""Logistic regression on the Wisconsin breast cancer data: 569 tumours, 30 features, benign or malignant.

The metric is the validation cross-entropy in nats.
"""

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.gradient import Parts, TensorTask, standardise
from lrtune.trainers.tasks.loop import on_lease
from lrtune.trainers.tasks.protocols import Params
from lrtune.trainers.tasks.splits import Rows, Splits


class BreastCancer(TensorTask):
    """Inputs [n, 30], standardised, and targets [n]: 1.0 where benign."""

    def splits(self) -> Splits:
        return Splits(labels=load_breast_cancer().target)

    def prepare(self, train: Rows, valid: Rows) -> Parts:
        data = load_breast_cancer()
        inputs, targets = torch.tensor(data.data), torch.tensor(data.target).float()
        scaled = standardise(inputs, inputs[train], least=1e-9).float()
        return Parts(scaled[train], targets[train], scaled[valid], targets[valid])

    def network(self, params: Params) -> nn.Module:
        return nn.Sequential(nn.Linear(30, 1), nn.Flatten(0))

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        inputs, targets = batch
        return binary_cross_entropy_with_logits(model(inputs), targets)


TASK = BreastCancer(CATALOGUE["breast-cancer"])
train = on_lease(TASK)
