"""Linear regression on the diabetes data: 442 patients, 10 features, the disease's progress after a year.

The progress is standardised, so that predicting its mean costs about 1. The metric is the validation mean squared
error in these units.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.gradient import Parts, TensorTask, standardise
from lrtune.trainers.tasks.loop import on_lease
from lrtune.trainers.tasks.protocols import Params
from lrtune.trainers.tasks.splits import Rows, Splits


class Diabetes(TensorTask):
    """Inputs [n, 10] and targets [n, 1], both standardised by the training part."""

    def splits(self) -> Splits:
        return Splits(size=len(load_diabetes().target))

    def prepare(self, train: Rows, valid: Rows) -> Parts:
        data = load_diabetes(scaled=False)
        inputs, targets = torch.tensor(data.data), torch.tensor(data.target).unsqueeze(1)
        inputs = standardise(inputs, inputs[train], least=1e-9).float()
        targets = standardise(targets, targets[train], least=1e-9).float()
        return Parts(inputs[train], targets[train], inputs[valid], targets[valid])

    def network(self, params: Params) -> nn.Module:
        return nn.Linear(10, 1)

    def loss(self, model: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        inputs, targets = batch
        return mse_loss(model(inputs), targets)


TASK = Diabetes(CATALOGUE["diabetes"])
train = on_lease(TASK)
