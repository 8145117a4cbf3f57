"""1,000 × 20 numbers, one hidden layer, two classes, in a fastai Learner."""

from typing import Any

import torch
from fastai.basics import DataLoaders, Learner, accuracy_multi
from torch import nn

from lrtune.trainers.state.random_state import seed_everything

_generator = torch.Generator().manual_seed(0)
X = torch.rand(200, 20, generator=_generator)
Y = (X[:, :1] + X[:, 1:2] > 1).float()
SAMPLES = list(zip(X, Y, strict=True))


def loaders(*, valid: int = 40, batch_size: int = 20) -> Any:
    """Shuffled in an order that the random state says."""
    training, validation = SAMPLES[: 200 - valid], SAMPLES[200 - valid :]
    return DataLoaders.from_dsets(training, validation, bs=batch_size, num_workers=0)


def learner(*cbs: Any, seed: int = 0, dropout: float = 0.0, valid: int = 40, **how: Any) -> Any:
    """With the same weights every time, and nothing printed."""
    seed_everything(seed)
    net = nn.Sequential(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 1))
    how = {"loss_func": nn.BCEWithLogitsLoss(), "metrics": [accuracy_multi], **how}
    learn = Learner(loaders(valid=valid), net, cbs=list(cbs), **how)
    learn.logger = lambda *_: None
    learn.remove_cbs([cb for cb in learn.cbs if cb.name == "progress"])
    return learn
