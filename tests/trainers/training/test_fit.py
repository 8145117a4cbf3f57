import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset

from lrtune import Client, TrialStopped
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state.checkpoints import latest
from lrtune.trainers.training.fit import fit
from lrtune.trainers.training.result import FitResult
from tests.fake_service import FakeService

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

ROWS, BATCH = 100, 16
STEPS_PER_EPOCH = 7


def rows(seed: int = 0) -> tuple[Tensor, Tensor]:
    inputs = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(seed))
    return inputs, inputs.sum(1, keepdim=True)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Tanh(), nn.Linear(16, 1))


def loss_of(model: nn.Module, batch: Any) -> Tensor:
    return mse_loss(model(batch[0]).float(), batch[1])


def train(**how: Any) -> FitResult:
    how = {"loss_function": loss_of, "validation": rows(1), "learning_rate": 0.02, "epochs": 4, "device": "cpu", **how}
    return fit(how.pop("model", network), how.pop("data", rows()), batch_size=how.pop("batch_size", BATCH), **how)


def weights(result: FitResult) -> list[Any]:
    return [value.tolist() for value in result.model.state_dict().values()]


def test_a_training_learns_and_says_how_it_went() -> None:
    result = train(epochs=10)
    assert result.outcome == "complete"
    assert result.final < 0.5 * result.curve[0].value
    assert result.steps == len(result.losses) == 10 * STEPS_PER_EPOCH
    assert [one.step for one in result.curve] == [STEPS_PER_EPOCH * epoch for epoch in range(1, 11)]
    assert result.best == min(one.value for one in result.curve)
    assert result.curve[0].training_loss == pytest.approx(sum(result.losses[:7]) / 7)
    assert result.diagnosis.verdict not in ("diverged", "too_high")
    assert result.clip_rate is None


def test_the_result_is_that_of_a_plain_loop() -> None:
    """The same model, batches, optimizer and schedule, in torch's own words."""
    result = train(model=lambda: nn.Linear(4, 1), optimizer="nesterov", schedule="cosine", weight_decay=0.01, epochs=2)
    torch.manual_seed(0)
    model = nn.Linear(4, 1)
    groups = [{"params": [model.weight], "weight_decay": 0.01}, {"params": [model.bias], "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.02, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 14)
    inputs, targets = rows()
    for epoch in range(2):
        order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1_000_003 * (epoch + 1)))
        for part in order.split(BATCH):
            optimizer.zero_grad()
            mse_loss(model(inputs[part]), targets[part]).backward()
            optimizer.step()
            scheduler.step()
    assert model.state_dict()["weight"].tolist() == [
        pytest.approx(row, rel=1e-5) for row in result.model.state_dict()["weight"].tolist()
    ]
    with torch.no_grad():
        assert result.final == pytest.approx(float(loss_of(model, rows(1))), rel=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    first, again, other = train(seed=3), train(seed=3), train(seed=4)
    assert (weights(again), again.losses, again.curve) == (weights(first), first.losses, first.curve)
    assert other.losses != first.losses


def test_the_random_state_of_the_process_is_left_alone() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), torch.rand(1).item()

    def seed() -> None:
        random.seed(7)
        np.random.seed(7)
        torch.manual_seed(7)

    seed()
    expected = draws()
    seed()
    train()
    assert draws() == expected


class Augmented(Dataset[tuple[Tensor, Tensor]]):
    """Rows with noise from the process's random state."""

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, targets = rows()
        return inputs[index] + 0.01 * torch.randn(4) + 0.01 * random.random(), targets[index]


def loader() -> Any:
    return DataLoader(TensorDataset(*rows()), BATCH, sampler=RandomSampler(range(ROWS)))


class Killed(Exception):
    """Stands for the end of the process."""


def killed_after(evaluations: int) -> Callable[[nn.Module], float]:
    left = iter(range(evaluations))

    def evaluate(model: nn.Module) -> float:
        if next(left, None) is None:
            raise Killed
        return evaluated(model)

    return evaluate


def evaluated(model: nn.Module) -> float:
    """Draws on the random state, as an evaluation may."""
    with torch.no_grad():
        return float(loss_of(model, rows(1))) + 1e-9 * random.random()


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, id="adamw"),
        pytest.param({"optimizer": "momentum", "clip_norm": 0.5, "accumulate": 3}, id="accumulated and clipped"),
        pytest.param({"optimizer": "muon", "layer_decay": 0.5}, id="muon, layer-wise"),
        pytest.param({"optimizer": "schedule_free", "schedule": "constant"}, id="schedule-free"),
        pytest.param({"schedule": {"name": "plateau", "patience": 0, "threshold": 0.99}}, id="plateau"),
        pytest.param({"precision": "bf16"}, id="bf16"),
        pytest.param({"precision": "fp16", "optimizer": "sgd"}, id="fp16 with a loss scale"),
        pytest.param({"data": Augmented()}, id="a data set with noise"),
        pytest.param({"data": loader()}, id="a loader"),
    ],
)
def test_a_killed_training_goes_on_bit_for_bit(how: dict[str, Any], tmp_path: Path) -> None:
    """Killed in the middle of an epoch, five steps after its last checkpoint."""
    how = {"epochs": 3, "evaluate_every": 5, **how}
    whole = train(**how, evaluate=evaluated, checkpoints=tmp_path / "whole")
    with pytest.raises(Killed):
        train(**how, evaluate=killed_after(1), checkpoints=tmp_path / "killed")
    resumed = train(**how, evaluate=evaluated, checkpoints=tmp_path / "killed", resume=latest(tmp_path / "killed"))
    assert (resumed.losses, resumed.curve, resumed.steps) == (whole.losses, whole.curve, whole.steps)
    assert weights(resumed) == weights(whole)
    assert _last_state(tmp_path / "killed") == _last_state(tmp_path / "whole")


def _last_state(folder: Path) -> str:
    """Everything in the last checkpoint: weights, optimizer, schedule, scaler, clipper, random state, position."""
    path = latest(folder)
    assert path is not None
    state = torch.load(path, weights_only=True)
    del state["seconds"]
    torch.set_printoptions(threshold=10_000_000, precision=17)
    try:
        return str(state)
    finally:
        torch.set_printoptions(profile="default")


def test_a_process_that_is_killed_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from tests.trainers.training.test_fit import evaluated, train\n"
        "left = iter(range(2))\n"
        "def evaluate(model):\n"
        "    if next(left, None) is None:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return evaluated(model)\n"
        f"train(evaluate_every=5, evaluate=evaluate, checkpoints={str(tmp_path)!r})\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", script], env=environ, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL
    newest = latest(tmp_path)
    assert newest is not None
    assert newest.name == "fit-step-10.pt"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    resumed, whole = train(evaluate_every=5, evaluate=evaluated, resume=newest), None
    whole = train(evaluate_every=5, evaluate=evaluated)
    torch.set_num_threads(threads)
    assert (weights(resumed), resumed.losses, resumed.curve) == (weights(whole), whole.losses, whole.curve)


def test_a_longer_training_can_go_on_from_a_shorter_one(tmp_path: Path) -> None:
    train(epochs=1, schedule="constant", checkpoints=tmp_path)
    longer = train(epochs=3, schedule="constant", resume=latest(tmp_path))
    assert longer.losses == train(epochs=3, schedule="constant").losses


def test_the_newest_two_checkpoints_are_kept(tmp_path: Path) -> None:
    train(checkpoints=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fit-step-21.pt", "fit-step-28.pt"]


def test_accumulated_micro_batches_train_as_one_large_batch() -> None:
    how: dict[str, Any] = {"model": lambda: nn.Linear(4, 1), "optimizer": "momentum"}
    whole, parts = train(**how, batch_size=32), train(**how, batch_size=8, accumulate=4)
    assert parts.losses == pytest.approx(whole.losses, rel=1e-4)
    assert parts.final == pytest.approx(whole.final, rel=1e-4)


def test_a_loss_that_is_not_finite_ends_the_training_as_diverged() -> None:
    result = train(optimizer="sgd", learning_rate=1e12, validation=None, evaluate_every=1)
    assert result.outcome == "diverged"
    assert [one.step for one in result.curve] == list(range(1, len(result.losses) + 1))
    assert not math.isfinite(result.final)
    assert not math.isfinite(result.losses[-1])
    assert result.steps < 28
    assert result.diagnosis.verdict == "diverged"


def test_a_metric_that_is_not_finite_ends_it_too() -> None:
    result = train(evaluate=lambda _: math.inf)
    assert (result.outcome, result.steps, result.best_step) == ("diverged", STEPS_PER_EPOCH, None)
    assert math.isnan(result.best)


def test_the_clip_rate_is_recorded() -> None:
    assert train(clip_norm=1e-6).clip_rate == 1.0
    assert train(clip_value=1e6).clip_rate == 0.0


def test_dropout_is_set_and_off_in_evaluations() -> None:
    seen: list[tuple[float, bool]] = []

    def note(model: nn.Module, batch: Any) -> Tensor:
        seen.append((model[2].p, model.training))  # type: ignore[index, arg-type, union-attr]
        return loss_of(model, batch)

    train(loss_function=note, dropout=0.5, epochs=1)
    assert set(seen) == {(0.5, True), (0.5, False)}
    assert seen[-1] == (0.5, False)


def test_without_validation_the_metric_is_the_training_loss() -> None:
    result = train(validation=None)
    assert [one.value for one in result.curve] == [one.training_loss for one in result.curve]


def test_the_schedule_is_applied_per_optimizer_step_to_every_group() -> None:
    how: dict[str, Any] = {"optimizer": "sgd", "schedule": {"name": "multistep", "milestones": [2], "gamma": 1e-30}}
    result = train(model=lambda: nn.Linear(4, 1), rates={"bias": 0.2}, evaluate_every=1, epochs=1, **how)
    values = [one.value for one in result.curve]
    assert values[0] != values[1]
    assert values[1:] == [values[1]] * 6  # from step 2 on nothing moves


def test_the_metric_drives_a_plateau() -> None:
    plateau = {"name": "plateau", "patience": 0, "threshold": 0.99, "gamma": 1e-30}
    result = train(model=lambda: nn.Linear(4, 1), optimizer="sgd", schedule=plateau, evaluate_every=1, epochs=1)
    values = [one.value for one in result.curve]
    assert values[0] != values[1]
    assert values[1:] == [values[1]] * 6  # the second metric is no better by 99 %: the rate falls to nothing


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases(resumable=True))


def test_a_leased_trial_hears_every_evaluation_and_sets_the_length(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        result = train(trial=trial, epochs=50, evaluate_every=2)
    reports = [body["reports"][0] for body in service.bodies("/reports")]
    assert [report["step"] for report in reports] == [1, 2, 3]
    assert [report["value"] for report in reports] == [one.value for one in result.curve]
    assert result.steps == 6
    assert service.bodies("/result")[-1]["state"] == "complete"


def test_the_schedule_ends_with_the_lease(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        leased = train(trial=trial, epochs=50)
    assert trial.max_steps == 3
    assert weights(leased) == weights(train(epochs=3))


def test_a_verdict_stops_the_training(client: Client, service: FakeService) -> None:
    service.verdict = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}
    reached = []
    with lease(client) as trial, pytest.raises(TrialStopped):  # seen here; `with trial:` alone swallows it
        reached.append(train(trial=trial))
    assert reached == []
    assert len(service.bodies("/reports")) == 1


def test_a_paused_trial_goes_on_bit_for_bit_on_another_lease(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"evaluate_every": 5, "checkpoints": tmp_path}
    with lease(client) as trial:
        whole = train(trial=trial, **how)
    service.verdict = {"verdict": "pause", "reason": "paused"}
    with lease(client) as trial:
        train(trial=trial, **how)
    assert service.calls[-1][1].endswith("/release")
    sent = service.bodies("/reports")[-1]["checkpoint"]
    assert sent["step"] == 1
    service.verdict, service.resume, service.max_trials = {"verdict": "continue"}, sent, 3
    with lease(client) as trial:
        resumed = train(trial=trial, **how)
    assert [body["reports"][0]["step"] for body in service.bodies("/reports")] == [1, 2, 3, 1, 2, 3]
    assert (weights(resumed), resumed.curve) == (weights(whole), whole.curve)


def test_a_trial_whose_checkpoint_is_out_of_reach_begins_anew(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture
) -> None:
    service.resume = {"uri": "s3://bucket/there.pt", "step": 2}
    with lease(client) as trial:
        train(trial=trial)
    assert [body["reports"][0]["step"] for body in service.bodies("/reports")] == [1, 2, 3]
    assert "trial 0 is trained from the start: s3://bucket/there.pt is in no place that was given" in caplog.text


def test_a_trial_that_was_at_its_end_is_complete(client: Client, service: FakeService, tmp_path: Path) -> None:
    with lease(client) as trial:
        whole = train(trial=trial, checkpoints=tmp_path)
    service.resume = service.bodies("/reports")[-1]["checkpoint"]
    with lease(client) as trial:
        again = train(trial=trial)
    assert again.curve == whole.curve
    assert (service.bodies("/result")[-1]["state"], service.bodies("/result")[-1]["value"]) == ("complete", whole.final)


def test_a_diverged_training_is_reported_as_such(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        train(trial=trial, optimizer="sgd", learning_rate=1e12)
    assert service.bodies("/reports")[-1]["reports"][0]["value"] == "nan"


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=cuda)])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_nearly_as_full_precision_does(device: str, precision: str) -> None:
    dtypes = set()

    def note(model: nn.Module, batch: Any) -> Tensor:
        dtypes.add(model[0](batch[0]).dtype)  # type: ignore[index, operator]
        return loss_of(model, batch)

    full = train(epochs=10)
    half = train(epochs=10, precision=precision, device=device, loss_function=note)
    assert dtypes == {torch.bfloat16 if precision == "bf16" else torch.float16}
    assert half.final == pytest.approx(full.final, rel=0.5, abs=0.02)
    assert next(half.model.parameters()).dtype is torch.float32


def test_steps_that_amp_skips_do_not_count() -> None:
    calls: list[int] = []

    def overflowing(model: nn.Module, batch: Any) -> Tensor:
        loss = loss_of(model, batch)
        if loss.requires_grad:
            calls.append(1)
            if len(calls) in (3, 4):
                loss.register_hook(lambda gradient: gradient * math.inf)
        return loss

    result = train(precision="fp16", optimizer="sgd", loss_function=overflowing, epochs=2, clip_norm=100.0)
    assert (result.steps, len(result.losses)) == (14, 14)
    assert len(calls) >= 16
    assert result.clip_rate == 0.0


def test_gradients_that_never_are_finite_count_as_diverged() -> None:
    def overflowing(model: nn.Module, batch: Any) -> Tensor:
        loss = loss_of(model, batch)
        if loss.requires_grad:
            loss.register_hook(lambda gradient: gradient * math.nan)
        return loss

    result = train(precision="fp16", loss_function=overflowing)
    assert (result.outcome, result.steps) == ("diverged", 0)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"learning_rate": math.nan}, "learning_rate must be finite, not nan"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"optimizer": "adamm"}, "optimizer must be one of"),
        ({"optimizer": {"betas": (0.9, 0.99)}}, "it needs a name"),
        ({"optimizer": {"name": "adam", "learning_rate": 0.1}}, "give learning_rate beside it, not in it"),
        ({"schedule": "cosin"}, "there is no schedule 'cosin'; did you mean 'cosine'"),
        ({"schedule": {"name": "cosine", "warmup_steps": 28}}, "warmup_steps: must leave a step after the warm-up"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"evaluate_every": -1}, "evaluate_every must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"weight_decay": math.inf}, "weight_decay must be finite"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), not 1"),
        ({"dropout": 0.1, "model": lambda: nn.Linear(4, 1)}, "Linear has no dropout module"),
        ({"clip_norm": -1.0}, "clip_norm must be > 0"),
        ({"precision": "fp8"}, "precision must be one of fp32, bf16, fp16"),
        ({"device": "tpu"}, "device 'tpu' cannot be used"),
        ({"data": (torch.ones(3), torch.ones(2))}, r"must be of one length, not \[2, 3\]"),
        ({"data": (torch.ones(0, 4), torch.ones(0, 1))}, "data has no batch"),
        ({"data": (row for row in range(3))}, "not a generator"),
        ({"model": lambda: nn.Linear(4, 1).requires_grad_(False)}, "no trainable parameter"),
        ({"loss_function": lambda model, batch: loss_of(model, batch).detach()}, "the loss does not require grad"),
        ({"resume": "/nowhere/fit-step-1.pt"}, "there is no checkpoint /nowhere/fit-step-1.pt"),
    ],
)
def test_what_cannot_be_trained_is_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        train(**how)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text(json.dumps({}))
    with pytest.raises(TrainingError, match="is no checkpoint of a training"):
        train(resume=tmp_path / "notes.pt")
    train(checkpoints=tmp_path)
    with pytest.raises(TrainingError, match="the checkpoint is of another model, optimizer or schedule"):
        train(resume=latest(tmp_path), model=lambda: nn.Linear(4, 1))


@pytest.mark.parametrize("kind", ["pickle", "class", "cut short", "empty"])
def test_a_file_that_is_no_checkpoint_is_refused_without_the_advice_to_run_what_is_in_it(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "kept.pt"
    torch.save({"model": {}, "more": Path}, path)
    whole = path.read_bytes()
    path.write_bytes(
        {"pickle": pickle.dumps({"a": 1}, 2), "class": whole, "cut short": whole[:200], "empty": b""}[kind]
    )
    with pytest.raises(TrainingError, match="is no checkpoint of a training: it is cut short, ") as refused:
        train(resume=path)
    assert "weights_only" not in str(refused.value)


def test_a_folder_in_place_of_a_checkpoint_is_refused_with_the_call_that_finds_one(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"is a folder: .* is latest\('") as refused:
        train(resume=tmp_path)
    assert f"latest({str(tmp_path)!r})" in str(refused.value)


def test_the_example_of_the_docs_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "training.md").read_text()
    code = page.split("```python\n")[1].split("```")[0]
    exec(compile(code, "training.md", "exec"), {})
    assert capsys.readouterr().out.startswith("complete 0.")


def test_whole_numbers_are_taken_however_they_are_written() -> None:
    counts = {"epochs": 2, "batch_size": 8, "accumulate": 2, "seed": 1}
    assert weights(train(**counts)) == weights(train(**{name: float(count) for name, count in counts.items()}))
    with pytest.raises(TrainingError, match=r"epochs must be a whole number, not 2\.5"):
        train(epochs=2.5)
