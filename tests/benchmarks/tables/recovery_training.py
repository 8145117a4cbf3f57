"""What `bench recovery` trains: it notes each step that is begun and each evaluation, in a file a worker."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor, nn

from lrtune import LeasedTrial, fit, task

FOLDER, EVERY, STEP_SECONDS = "BENCH_FOLDER", "BENCH_EVERY", "BENCH_STEP_SECONDS"
"""Variables of the environment."""

ROWS = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))


@task(anneals=True, resumable=True)
def train(trial: LeasedTrial) -> None:
    """A small network, whose steps take as long as is said."""
    folder, seconds = Path(os.environ[FOLDER]), float(os.environ[STEP_SECONDS])
    notes = (folder / f"{os.getpid()}.notes").open("a", buffering=1)

    def loss_of(model: nn.Module, batch: Any) -> Tensor:
        if model.training:
            notes.write("b\n")
            time.sleep(seconds * random.uniform(0.5, 1.5))
        return (model(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()

    def evaluate(model: nn.Module) -> float:
        notes.write("v\n")
        return float(loss_of(model, (ROWS,)))

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 256), nn.Dropout(0.1), nn.Tanh(), nn.Linear(256, 1))

    every = int(os.environ[EVERY])
    place = os.environ["LRTUNE_CHECKPOINTS"]
    how: dict[str, Any] = {"loss_function": loss_of, "evaluate": evaluate, "learning_rate": 0.01, "device": "cpu"}
    with notes, noted_end(notes):
        fit(network, (ROWS,), batch_size=16, evaluate_every=every, trial=trial, checkpoints=place, **how)


@contextmanager
def noted_end(notes: IO[str]) -> Iterator[None]:
    """Of a training that leaves by itself. A kill leaves no note, so that the step in hand does not count as done."""
    try:
        yield
    finally:
        notes.write("e\n")


def steps_done(folder: Path, pid: int) -> int:
    """Of this worker: those after which it went on to something else."""
    notes = (folder / f"{pid}.notes").read_text().split()
    return sum(1 for this, _next in pairwise(notes) if this == "b")
