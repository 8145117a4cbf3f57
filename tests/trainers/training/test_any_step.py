"""A training that is ended at any step, by a kill or by notice, comes to the very bits of one that never was.

A kill is an exception that goes through all of `fit`: nothing is written for it. Notice is what SIGTERM gives.
"""

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from lrtune import Client
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import Shutdown
from lrtune.trainers.training.fit import fit
from lrtune.trainers.training.result import FitResult
from tests.fake_service import FakeService

ROWS = torch.randn(40, 4, generator=torch.Generator().manual_seed(0))
EVALUATIONS, EVERY = 3, 4
"""Of a training: 12 optimizer steps, an epoch of 5."""
STEPS = EVALUATIONS * EVERY


class Killed(BaseException):
    """Stands for SIGKILL."""


class Noisy(Dataset[Tensor]):
    """Rows with noise of every generator there is: the process's, and the data set's own."""

    def __init__(self) -> None:
        self.own, self.old, self.plain = np.random.default_rng(1), np.random.RandomState(1), random.Random(1)

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, index: int) -> Tensor:
        noise = random.random() + float(np.random.rand()) + float(torch.rand(()))
        own = float(self.own.random()) + self.old.random_sample() + self.plain.random()
        return ROWS[index] + 0.01 * (noise + own)


class Ordered(Sampler[int]):
    """An order that a generator of NumPy's draws."""

    def __init__(self) -> None:
        self.generator = np.random.default_rng(5)

    def __iter__(self) -> Iterator[int]:
        return iter(self.generator.permutation(len(ROWS)).tolist())

    def __len__(self) -> int:
        return len(ROWS)


class Moving(nn.Module):
    """With a buffer that trains on, and is in no state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        mean: Tensor = self.mean  # type: ignore[assignment]
        if self.training:
            mean.mul_(0.9).add_(inputs.detach().mean(0), alpha=0.1)
        return inputs - mean


def network() -> nn.Module:
    return nn.Sequential(Moving(), nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1))


def loader(**how: Any) -> Any:
    return DataLoader(Noisy(), 8, shuffle=True, **how)


CASES: dict[str, Callable[[], dict[str, Any]]] = {
    "tensors": lambda: {"data": (ROWS,), "batch_size": 8},
    "noise of every generator": lambda: {"data": loader()},
    "an order of NumPy's": lambda: {"data": DataLoader(Noisy(), 8, sampler=Ordered())},
    "accumulated and clipped": lambda: {"data": loader(), "accumulate": 2, "clip_norm": 0.5},
    "a loss scale": lambda: {"data": (ROWS,), "batch_size": 8, "precision": "fp16", "optimizer": "sgd"},
    "plateau": lambda: {"data": (ROWS,), "batch_size": 8, "schedule": {"name": "plateau", "patience": 0}},
    "muon": lambda: {"data": (ROWS,), "batch_size": 8, "optimizer": "muon"},
}


def train(trial: LeasedTrial, folder: Path, how: dict[str, Any], before_step: Callable[[int], None]) -> FitResult:
    steps = iter(range(10**6))

    def loss_of(model: nn.Module, batch: Any) -> Tensor:
        if model.training:
            before_step(next(steps))
        inputs = batch[0] if isinstance(batch, list | tuple) else batch
        return (model(inputs).float() - inputs.sum(1, keepdim=True)).square().mean()

    def evaluate(model: nn.Module) -> float:
        return float(loss_of(model, (ROWS,))) + 1e-9 * random.random()

    how = {"learning_rate": 0.02, "optimizer": "adamw", "device": "cpu", "evaluate_every": EVERY, **how}
    how = {"trial": trial, "checkpoints": folder, "loss_function": loss_of, "evaluate": evaluate, **how}
    return fit(network, how.pop("data"), **how)


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases(resumable=True))


def whole(client: Client, folder: Path, how: dict[str, Any]) -> tuple[FitResult, int]:
    """And how many batches it took."""
    batches: list[int] = []
    with lease(client) as trial:
        return train(trial, folder, how, batches.append), len(batches)


def ended(client: Client, folder: Path, how: dict[str, Any], before_step: Callable[[LeasedTrial, int], None]) -> None:
    with lease(client) as trial:
        train(trial, folder, how, lambda step: before_step(trial, step))


def bits(result: FitResult) -> tuple[Any, ...]:
    model = result.model
    tensors = [tensor.tolist() for tensor in (*model.state_dict().values(), *model.buffers())]
    return tensors, result.losses, result.curve, result.steps, result.clip_rate


def reported(service: FakeService) -> list[tuple[int, float]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def kill(at: int) -> Callable[[LeasedTrial, int], None]:
    def before_step(trial: LeasedTrial, step: int) -> None:
        if step == at:
            raise Killed

    return before_step


def give_notice(at: int) -> Callable[[LeasedTrial, int], None]:
    def before_step(trial: LeasedTrial, step: int) -> None:
        assert not trial.notice.given or step == at + 1, "it leaves after the very step in which it was told"
        if step == at:
            trial.notice.give(signal.SIGTERM)

    return before_step


@pytest.mark.parametrize("end", ["kill", "notice"])
@pytest.mark.parametrize("case", CASES)
def test_a_training_ended_at_any_step_comes_to_the_same_bits_and_reports(
    client: Client, service: FakeService, tmp_path: Path, case: str, end: str
) -> None:
    service.max_trials = 10**6
    result, batches = whole(client, tmp_path / "whole", CASES[case]())
    expected, losses = bits(result), reported(service)
    assert [step for step, _ in losses] == [1, 2, 3]
    for at in range(batches - 2) if case == "noise of every generator" else (0, 3, 6, batches - 3):
        service.calls.clear()
        service.resume = None
        before_step = kill(at) if end == "kill" else give_notice(at)
        with pytest.raises(Killed if end == "kill" else Shutdown):
            ended(client, tmp_path / str(at), CASES[case](), before_step)
        (given_back,) = service.bodies("/release")
        service.resume = given_back["checkpoint"]
        assert (service.resume or {"step": 0})["step"] == len(reported(service))
        resumed, _ = whole(client, tmp_path / str(at), CASES[case]())
        assert bits(resumed) == expected, f"ended at step {at}"
        assert reported(service) == losses


def test_notice_in_the_last_step_comes_too_late_to_keep_it_from_its_end(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    ended(client, tmp_path, CASES["tensors"](), give_notice(STEPS - 1))
    assert service.bodies("/result")[0]["state"] == "complete"


def test_notice_costs_no_step_and_a_kill_those_since_the_checkpoint(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    service.max_trials = 10**6
    how = CASES["tensors"]()
    for end, again in ((give_notice(6), 5), (kill(6), 8)):
        service.resume = None
        with pytest.raises((Killed, Shutdown)):
            ended(client, tmp_path, how, end)
        service.resume = service.bodies("/release")[-1]["checkpoint"]
        steps: list[int] = []
        with lease(client) as trial:
            train(trial, tmp_path, how, steps.append)
        assert len(steps) == again, "of 12 steps, 7 were taken before the notice, and 4 are in the last checkpoint"


def test_without_checkpoints_a_training_heeds_no_notice(client: Client) -> None:
    seen: list[bool] = []
    with lease(client) as trial:
        how = {**CASES["tensors"](), "checkpoints": None}
        train(trial, Path(), how, lambda _: seen.append(trial.notice.is_heeded))
    assert seen == [False] * STEPS
