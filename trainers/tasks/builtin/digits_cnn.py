"""A small convolutional network with batch norm on scikit-learn's handwritten digits.

The metric is the validation cross-entropy in nats.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from lrtune.trainers.tasks.builtin.digits import Digits
from lrtune.trainers.tasks.catalogue import CATALOGUE
from lrtune.trainers.tasks.gradient import Parts
from lrtune.trainers.tasks.loop import on_lease
from lrtune.trainers.tasks.protocols import Params
from lrtune.trainers.tasks.splits import Rows

CHANNELS = (16, 32)


class DigitsCnn(Digits):
    """Inputs [n, 1, 8, 8] between -1 and 1, and labels [n]."""

    def prepare(self, train: Rows, valid: Rows) -> Parts:
        digits = load_digits()
        inputs = torch.tensor(digits.images).float().unsqueeze(1) / 8.0 - 1.0
        labels = torch.tensor(digits.target)
        return Parts(inputs[train], labels[train], inputs[valid], labels[valid])

    def network(self, params: Params) -> nn.Module:
        layers: list[nn.Module] = []
        width = 1
        for channels in CHANNELS:
            layers += [
                nn.Conv2d(width, channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            width = channels
        dropout = nn.Dropout(float(params.get("dropout", 0.0)))
        return nn.Sequential(*layers, nn.Flatten(), dropout, nn.Linear(width * 2 * 2, 10))


TASK = DigitsCnn(CATALOGUE["digits-cnn"])
train = on_lease(TASK)
