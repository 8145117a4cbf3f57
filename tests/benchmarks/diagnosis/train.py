"""Trainings of small real tasks over a grid of learning rates, with curves of fifty reports."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import torch

from lrtune.trainers.optimizers.build import build_optimizer
from lrtune.trainers.tasks import TASKS
from lrtune.trainers.tasks.protocols import GradientTask
from lrtune.trainers.training.learner import Learner
from tests.benchmarks.pools import pool

RATES = tuple(10 ** (-6 + 7 * k / 19) for k in range(20))
OPTIMIZERS = ("sgd", "momentum", "adam", "rmsprop")
STEPS = {"digits": 300, "digits-cnn": 150, "breast-cancer": 300, "diabetes": 300, "characters": 150}
"""Optimizer steps of a training, by task."""
SCHEDULES = ("cosine", "constant")
"""The first for even seeds, the second for odd ones."""
REPORTS = 50


@dataclass(frozen=True)
class Training:
    """One training. Curves are [50], or end at the first value that is not finite."""

    task: str
    optimizer: str
    seed: int
    learning_rate: float
    initial: float
    """The validation loss before the first step."""
    validation: tuple[float, ...]
    batches: tuple[float, ...]
    """The loss of the last batch before each report: what a trainer prints who reports its training loss."""

    @property
    def loss(self) -> float:
        """The final validation loss; inf where it diverged."""
        last = self.validation[-1]
        return last if math.isfinite(last) else math.inf


def train_all(tasks: Sequence[str], seeds: Sequence[int], rates: Sequence[float], processes: int) -> list[Training]:
    """Every task with every optimizer, seed and rate."""
    cases = list(product(tasks, OPTIMIZERS, seeds))
    with pool(processes) as workers:
        return [one for found in workers.map(_train_rates, cases, [rates] * len(cases)) for one in found]


def _train_rates(case: tuple[str, str, int], rates: Sequence[float]) -> list[Training]:
    torch.set_num_threads(1)
    return [train(*case, rate) for rate in rates]


def train(name: str, optimizer: str, seed: int, rate: float) -> Training:
    """One training of a built-in task."""
    task = TASKS[name]
    assert isinstance(task, GradientTask)
    torch.manual_seed(seed)
    model = task.model({}, seed)
    options = {"momentum": 0.9} if optimizer == "momentum" else {}
    made = build_optimizer("sgd" if optimizer == "momentum" else optimizer, model, learning_rate=rate, **options)
    steps = STEPS[name]
    learner = Learner(model, made, task.loss, schedule=SCHEDULES[seed % 2], total_steps=steps)
    initial = _evaluate(task, learner)
    validation: list[float] = []
    batches: list[float] = []
    for step, batch in zip(range(1, steps + 1), _batches(task, seed), strict=False):
        learner.mode(training=True)
        loss, _ = learner.step([batch])
        learner.scheduler.step()
        if not math.isfinite(loss) or step % (steps // REPORTS) == 0:
            batches.append(loss)
            validation.append(_evaluate(task, learner) if math.isfinite(loss) else loss)
        if validation and not math.isfinite(validation[-1]):
            break
    return Training(name, optimizer, seed, rate, initial, tuple(validation), tuple(batches))


def _evaluate(task: GradientTask, learner: Learner) -> float:
    learner.mode(training=False)
    with torch.no_grad():
        return task.evaluate(learner.model)


def _batches(task: GradientTask, seed: int) -> Iterator[tuple[torch.Tensor, ...]]:
    passes = task.batches({}, seed=seed)
    while True:
        yield from passes


def read(path: Path) -> list[Training]:
    """Trainings that were kept."""
    return [
        Training(**{key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()})
        for kept in json.loads(path.read_text())
    ]


def keep(trainings: Sequence[Training], path: Path) -> None:
    """Keep the trainings for another run."""
    path.write_text(json.dumps([asdict(training) for training in trainings]))
