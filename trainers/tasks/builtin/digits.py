"""A multi-layer perceptron on scikit-learn's handwritten digits: 1,797 images of 8 x 8, ten classes.

The metric is the validation cross-entropy in nats.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.decorator import task
from lrtune.trainers.tasks.gradient import Parts, TensorTask, standardise
from lrtune.trainers.tasks.loop import on_lease
from lrtune.trainers.tasks.protocols import Params
from lrtune.trainers.tasks.splits import Rows, Splits

HIDDEN_UNITS = 64
DEFAULT_LAYERS = 2


class Digits(TensorTask):
    """Inputs [n, 64], standardised, and labels [n]; `num_layers` hidden layers (2) with `dropout` (0) between them."""

    def splits(self) -> Splits:
        return Splits(labels=load_digits().target)

    def prepare(self, train: Rows, valid: Rows) -> Parts:
        digits = load_digits()
        inputs, labels = torch.tensor(digits.data), torch.tensor(digits.target)
        scaled = standardise(inputs, inputs[train]).float()
        return Parts(scaled[train], labels[train], scaled[valid], labels[valid])

    def network(self, params: Params) -> nn.Module:
        layers: list[nn.Module] = []
        width = 64
        for _ in range(int(params.get("num_layers", DEFAULT_LAYERS))):
            layers += [nn.Linear(width, HIDDEN_UNITS), nn.LeakyReLU()]
            if params.get("dropout"):
                layers.append(nn.Dropout(float(params["dropout"])))
            width = HIDDEN_UNITS
        return nn.Sequential(*layers, nn.Linear(width, 10))


TASK = Digits(CATALOGUE["digits"])
fit = TASK.fit
train = on_lease(TASK)


@task(anneals=True, own_length=True)
def train_whole(trial: LeasedTrial) -> float:
    """As `train`, but never paused: where the budget is a few trials, each had better be trained to its end."""
    return train(trial)
