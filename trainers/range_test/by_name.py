"""Range tests by name: of a built-in task, or of a person's own model from a function.

    find("digits", optimizer="adam").analysis.recommended
    find("train.py:setup")     # def setup(): return model, optimizer, loader, loss_function

A new model is made for every seed, so that the answer does not hang on one draw of the weights.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lrtune.service.sentences.nearest import did_you_mean
from lrtune.trainers.errors import TaskError, TrainingError
from lrtune.trainers.range_test.result import RangeTest
from lrtune.trainers.range_test.sweep import DEFAULT_SEEDS, OnStep, exponential, sweep
from lrtune.trainers.state.random_state import random_state_kept, seed_everything
from lrtune.trainers.tasks import TASKS
from lrtune.trainers.tasks.loader import load_task
from lrtune.trainers.tasks.loop import optimizer_of
from lrtune.trainers.tasks.protocols import GradientTask
from lrtune.trainers.training.loss_functions import LossFunction, of_batch
from lrtune.trainers.training.setup import pick_device

Setup = tuple[nn.Module, torch.optim.Optimizer, Iterable[Any], LossFunction]
"""What is tested: (model, optimizer, batches, loss_function)."""

ANY_RATE = 1e-3
"""A range test sets its own."""


def find(
    task: str,
    *,
    params: Mapping[str, Any] | None = None,
    low: float = 1e-7,
    high: float = 10.0,
    steps: int = 100,
    seeds: Sequence[int] = DEFAULT_SEEDS,
    accumulate: int = 1,
    precision: str = "fp32",
    clip_norm: float | None = None,
    device: str = "cpu",
    on_seed: Callable[[int], OnStep] | None = None,
) -> RangeTest:
    """A range test of `task`, a built-in task's name, `module:function` or `path/to/script.py:function`.

    `params` are a built-in task's: `optimizer`, `batch_size`, … The function returns (model, optimizer, batches,
    loss_function), and is called once a seed. A built-in task runs on `device`, a person's own model where it lies.
    `on_seed`, given the number of a seed's test from 1, returns what is called after each of its steps.
    Raises TaskError where there is no such task, TrainingError for what cannot be tested.
    """
    rates = exponential(low, high, steps)
    make = setup_of(task, params or {}, device)
    curves = []
    with random_state_kept(), _threads(1 if ":" not in task else torch.get_num_threads()):
        for number, seed in enumerate(seeds, 1):
            seed_everything(seed)
            model, optimizer, batches, loss_function = make(seed)
            losses = sweep(
                model,
                optimizer,
                batches,
                loss_function,
                learning_rates=rates,
                seed=seed,
                accumulate=accumulate,
                precision=precision,
                clip_norm=clip_norm,
                on_step=None if on_seed is None else on_seed(number),
            )
            curves.append(losses)
    return RangeTest.of(rates, curves, seeds)


def setup_of(task: str, params: Mapping[str, Any], device: str = "cpu") -> Callable[[int], Setup]:
    """What makes the model and all that belongs to it, from a seed. Raises TaskError."""
    if ":" not in task:
        return _built_in(task, params, pick_device(device))
    if params:
        raise TaskError(f"{', '.join(params)} belong to built-in tasks: {task} builds its own optimizer and batches")
    function: Callable[..., Any] = load_task(task)
    return lambda _: _checked(task, function())


def _built_in(name: str, params: Mapping[str, Any], device: torch.device) -> Callable[[int], Setup]:
    if name not in TASKS:
        hint = f"{did_you_mean(name, gradient_tasks())}use one of {', '.join(gradient_tasks())}"
        raise TaskError(f"there is no task {name!r}: {hint}, or module:function for your own")
    task = TASKS[name]
    if not isinstance(task, GradientTask):
        raise TaskError(f"{name} is not trained with a learning rate: use one of {', '.join(gradient_tasks())}")
    chosen = {"optimizer": "sgd", "learning_rate": ANY_RATE, **params}

    def make(seed: int) -> Setup:
        model = task.model(chosen, seed).to(device)
        return model, optimizer_of(model, chosen), task.batches(chosen, seed=seed), task.loss

    return make


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Built-in models are so small that threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def gradient_tasks() -> list[str]:
    """The built-in tasks that have a learning rate."""
    return [name for name in TASKS if isinstance(TASKS[name], GradientTask)]


def _checked(name: str, made: Any) -> Setup:
    if not isinstance(made, tuple) or len(made) != 4:
        what = f"{len(made)} values" if isinstance(made, tuple) else f"a {type(made).__name__}"
        raise TaskError(f"{name} must return (model, optimizer, batches, loss_function), not {what}")
    model, optimizer, batches, loss_function = made
    for part, kind in ((model, nn.Module), (optimizer, torch.optim.Optimizer)):
        if not isinstance(part, kind):
            what = f"a {type(part).__name__} in place of a {kind.__name__}"
            raise TaskError(f"{name} must return (model, optimizer, batches, loss_function), not {what}")
    try:
        return model, optimizer, batches, of_batch(loss_function)
    except TrainingError as error:
        raise TaskError(f"{name} must return a loss function as its last value: {error}") from None
