"""What a training can go on from, and what it refuses to."""

import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from lrtune import Client
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.optimizers.build import OPTIMIZERS
from lrtune.trainers.range_test.sweep import exponential, sweep
from lrtune.trainers.state.checkpoints import latest
from lrtune.trainers.training.fit import fit
from lrtune.trainers.training.result import FitResult
from tests.fake_service import FakeService

ROWS = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


class Cut(Exception):
    """Stands for the end of the process."""


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Tanh(), nn.Linear(8, 8), nn.Linear(8, 1))


def loss_of(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()


def train(*, cut: int | None = None, **how: Any) -> FitResult:
    evaluations = iter(range(100))

    def evaluate(model: nn.Module) -> float:
        if next(evaluations) == cut:
            raise Cut
        return float(loss_of(model, (ROWS,)))

    how = {"loss_function": loss_of, "optimizer": "sgd", "learning_rate": 0.01, "epochs": 4, "batch_size": 16, **how}
    how = {"device": "cpu", "evaluate": evaluate, **how}
    return fit(how.pop("model", network), how.pop("data", (ROWS,)), **how)


def cut_short(folder: Path, **how: Any) -> Path:
    with pytest.raises(Cut):
        train(cut=2, checkpoints=folder, **how)
    found = latest(str(folder))
    assert found is not None
    return found


@pytest.mark.parametrize("other", [name for name in OPTIMIZERS if name != "sgd"])
def test_another_optimizer_is_refused_by_name(other: str, tmp_path: Path) -> None:
    if other == "schedule_free":
        pytest.importorskip("schedulefree")
    checkpoint = cut_short(tmp_path)
    with pytest.raises(TrainingError, match=f"optimizer is 'sgd' in it, and '{other}' now"):
        train(resume=checkpoint, optimizer=other)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"optimizer": {"name": "sgd", "momentum": 0.5}}, "optimizer.momentum is 0.0 in it, and 0.5 now"),
        ({"weight_decay": 0.1}, "weight_decay is 0.0 in it, and 0.1 now"),
        ({"learning_rate": 0.02}, "learning_rate is 0.01 in it, and 0.02 now"),
        ({"layer_decay": 0.5}, "layer_decay is None in it, and 0.5 now"),
        ({"rates": {"0": 0.5}}, "rates is None in it, and {'0': 0.5} now"),
        ({"batch_size": 8}, "batch_size is 16 in it, and 8 now; steps_per_epoch is 4 in it, and 8 now"),
        ({"accumulate": 2}, "accumulate is 1 in it, and 2 now"),
        ({"schedule": "constant"}, "schedule is {.*'default'.*} in it, and {.*'constant'.*} now"),
        ({"clip_norm": 1.0}, "clip_norm is None in it, and 1.0 now"),
        ({"precision": "bf16"}, "precision is 'fp32' in it, and 'bf16' now"),
        ({"dropout": 0.5}, "dropout is None in it, and 0.5 now"),
        ({"seed": 1}, "seed is 0 in it, and 1 now"),
        ({"data": (ROWS[:32],)}, "steps_per_epoch is 4 in it, and 2 now"),
        ({"data": DataLoader(ROWS, 32)}, "batch_size is 16 in it, and 32 now"),
    ],
)
def test_a_setting_that_differs_is_named_with_both_values_and_the_remedy(
    how: dict[str, Any], words: str, tmp_path: Path
) -> None:
    checkpoint = cut_short(tmp_path)
    with pytest.raises(TrainingError, match=f"other settings: .*{words}.*; give those that it was trained with"):
        train(resume=checkpoint, **how)


def test_the_same_settings_told_in_other_words_are_the_same(tmp_path: Path) -> None:
    checkpoint = cut_short(tmp_path, optimizer="adam")
    same = {"name": "adam", "betas": [0.9, 0.999]}
    assert train(resume=checkpoint, optimizer=same).losses == train(optimizer="adam").losses


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        ("adam", "its optimizer is SGD, and now Adam"),
        ("momentum", "parameter group 0: momentum is 0.0 in it, and 0.9 now"),
        ({"name": "sgd", "dampening": 0.5}, "parameter group 0: dampening is 0.0 in it, and 0.5 now"),
    ],
)
def test_a_checkpoint_without_settings_is_judged_by_its_optimizer(optimizer: Any, words: str, tmp_path: Path) -> None:
    checkpoint = cut_short(tmp_path)
    state = torch.load(checkpoint, weights_only=True)
    del state["settings"]
    torch.save(state, checkpoint)
    with pytest.raises(TrainingError, match=words):
        train(resume=checkpoint, optimizer=optimizer)
    del state["optimizer_class"]
    torch.save(state, checkpoint)
    with pytest.raises(TrainingError, match="of another model, optimizer or schedule"):
        train(resume=checkpoint, optimizer=optimizer)
    assert train(resume=checkpoint).losses == train().losses


def test_other_parameter_groups_are_refused_by_what_is_in_them(tmp_path: Path) -> None:
    checkpoint = cut_short(tmp_path)
    with pytest.raises(TrainingError, match=r"parameter group 0 has other parameters: 3\.bias is no longer in it"):
        train(resume=checkpoint, model=lambda: nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 1)))


def test_a_leased_trial_whose_settings_changed_is_trained_from_the_start(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = cut_short(tmp_path)
    service.resume = {"uri": checkpoint.as_uri(), "step": 2}
    with next(client.study("s").leases(resumable=True)) as trial:
        result = train(trial=trial, optimizer="adam")
    assert result.steps == len(result.losses) == len(service.bodies("/reports")) * 4
    assert "is trained from the start: the checkpoint was trained with other settings: optimizer is" in caplog.text


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_random_states_stay_on_the_cpu_when_a_training_goes_on_elsewhere(tmp_path: Path) -> None:
    """`meta` stands for any device that is not the CPU: it has shapes and no numbers, and every machine has it."""
    checkpoint = cut_short(tmp_path, optimizer="adamw")

    def given(model: nn.Module, batch: Any) -> Tensor:
        for one in model.parameters():
            one.grad = torch.zeros_like(one)
        return torch.ones((), requires_grad=True) * 1.0

    how = {"loss_function": given, "evaluate": lambda _: 1.0, "optimizer": "adamw"}
    result = train(resume=checkpoint, device="meta", **how)
    assert (result.outcome, result.steps) == ("complete", 16)
    assert {one.device.type for one in result.model.parameters()} == {"meta"}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("first", ["cpu", "cuda"])
def test_a_training_goes_on_on_a_gpu(first: str, tmp_path: Path) -> None:
    def evaluate(model: nn.Module) -> float:
        return float(loss_of(model, (ROWS.cuda(),)))

    train(epochs=2, device=first, checkpoints=tmp_path, evaluate=None, schedule="constant")
    result = train(resume=latest(tmp_path), device="cuda", evaluate=evaluate, schedule="constant")
    assert (result.outcome, result.steps) == ("complete", 16)


class Augmented(Dataset[tuple[Tensor]]):
    """Rows with noise from the random state of the process that loads them."""

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, index: int) -> tuple[Tensor]:
        return (ROWS[index] + 0.1 * torch.randn(4) + 0.1 * random.random(),)


def persistent() -> DataLoader[Any]:
    return DataLoader(Augmented(), 16, shuffle=True, num_workers=1, persistent_workers=True)


def test_a_loader_with_persistent_workers_goes_on_bit_for_bit(tmp_path: Path) -> None:
    loader = persistent()
    checkpoint = cut_short(tmp_path, data=loader)
    assert train(resume=checkpoint, data=persistent()).losses == train(data=persistent()).losses
    assert loader.persistent_workers


def test_a_range_test_leaves_the_workers_of_a_loader_alone() -> None:
    loader = persistent()
    kept = iter(loader)
    model = network()
    sweep(
        model, torch.optim.SGD(model.parameters(), lr=0.1), loader, loss_of, learning_rates=exponential(1e-5, 1e-3, 10)
    )
    assert len(list(kept)) == 4
