"""A small network on scikit-learn's handwritten digits: 1,797 images of 8 x 8, ten classes.

A task for `lrtune worker --task trainers.tasks.digits:train`; the metric is the validation cross-entropy in
nats.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainers.leased import LeasedTrial
from trainers.task_functions import task
from trainers.tasks.digits_search_space import SEARCH_SPACE

__all__ = ["SEARCH_SPACE", "fit", "train"]

DEFAULT_EPOCHS = 20
HIDDEN_UNITS = 64
VALIDATION_SHARE = 0.25
SPLIT_SEED = 0


class Digits(NamedTuple):
    """Inputs [n, 64] (standardised by the training part) and labels [n] of both parts."""

    train_inputs: Tensor
    train_labels: Tensor
    valid_inputs: Tensor
    valid_labels: Tensor


@cache
def digits() -> Digits:
    """The data, split the same way every time."""
    inputs, labels = load_digits(return_X_y=True)
    train, valid, train_labels, valid_labels = train_test_split(
        inputs, labels, test_size=VALIDATION_SHARE, random_state=SPLIT_SEED, stratify=labels
    )
    mean, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-2)
    return Digits(
        torch.tensor((train - mean) / spread, dtype=torch.float32),
        torch.tensor(train_labels),
        torch.tensor((valid - mean) / spread, dtype=torch.float32),
        torch.tensor(valid_labels),
    )


@task(anneals=True)
def train(trial: LeasedTrial) -> float:
    """Trains on lease; reports after each epoch. The seed is the trial's number."""
    epochs = trial.max_steps or DEFAULT_EPOCHS
    return fit(trial.params, epochs, seed=trial.number, report=trial.report)


def fit(
    params: Mapping[str, Any],
    epochs: int,
    seed: int,
    report: Callable[[int, float], None] | None = None,
) -> float:
    """The validation cross-entropy (nats) after `epochs` epochs; non-finite where the training diverged.

    The learning rate falls from `params["learning_rate"]` to 0 along half a cosine over all optimizer steps.
    The same arguments give the same result. `report(epoch, loss)` is called after each epoch, from 1.
    """
    torch.set_num_threads(1)
    data = digits()
    shuffling = torch.Generator().manual_seed(seed)
    model = _network(seed)
    optimizer = _optimizer(model, params)
    batch_size = int(params.get("batch_size", 64))
    batches = math.ceil(len(data.train_labels) / batch_size)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _cosine(step, epochs * batches))
    loss = math.nan
    for epoch in range(1, epochs + 1):
        for rows in torch.split(torch.randperm(len(data.train_labels), generator=shuffling), batch_size):
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(model(data.train_inputs[rows]), data.train_labels[rows]))
            optimizer.step()
            decay.step()
        loss = _validate(model, data)
        if report is not None:
            report(epoch, loss)
        if not math.isfinite(loss):
            break
    return loss


def _network(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(64, HIDDEN_UNITS),
            nn.LeakyReLU(),
            nn.Linear(HIDDEN_UNITS, HIDDEN_UNITS),
            nn.LeakyReLU(),
            nn.Linear(HIDDEN_UNITS, 10),
        )


def _optimizer(model: nn.Module, params: Mapping[str, Any]) -> torch.optim.Optimizer:
    learning_rate = float(params["learning_rate"])
    name = params.get("optimizer", "sgd")
    if name == "sgd":
        return torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=float(params.get("momentum", 0.0)))
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=learning_rate)
    raise ValueError(f"optimizer must be sgd or adam, not {name!r}")


def _cosine(step: int, steps: int) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * min(step / steps, 1.0)))


@torch.no_grad()
def _validate(model: nn.Module, data: Digits) -> float:
    return float(cross_entropy(model(data.valid_inputs), data.valid_labels))
