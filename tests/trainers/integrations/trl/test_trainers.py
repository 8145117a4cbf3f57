"""TRL's trainers are transformers' Trainers: our callback for those trains LoRA's adapters, and nothing else."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="needs lrtune[trl]: make frameworks")

from safetensors import safe_open

from lrtune import Client, InvalidReport, LeasedTrial, TrainingError
from lrtune.huggingface import TrialCallback, hyperparameter_search
from tests.fake_service import FakeService
from tests.trainers.integrations.trl.small import dpo, sft

PAUSE = {"verdict": "pause", "reason": "paused"}
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def reported(service: FakeService) -> list[tuple[int, Any]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def trained(client: Client, folder: Path, make: Any = sft, *, checkpoints: bool = False, **how: Any) -> Any:
    """The trainer of a trial's training, which goes on from the checkpoint there is."""
    with lease(client) as trial:
        callback = TrialCallback(trial, checkpoints=checkpoints)
        trainer = make(folder, callback, **how)
        trainer.train(resume_from_checkpoint=callback.resume_from_checkpoint)
    return trainer


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in model.named_parameters()}


@pytest.mark.parametrize("make", [sft, dpo])
def test_each_epoch_is_a_step_and_only_adapters_are_trained(
    client: Client, service: FakeService, tmp_path: Path, make: Any
) -> None:
    with lease(client) as trial:
        trainer = make(tmp_path, TrialCallback(trial))
        before = weights(trainer.model)
        trainer.train()
        after = weights(trainer.model)
    assert [step for step, _ in reported(service)] == [1, 2, 3]
    assert reported(service)[2][1] < reported(service)[0][1]
    assert service.bodies("/result")[0]["state"] == "complete"
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved
    assert moved == {name for name in before if ".lora_" in name}


def test_other_metrics_of_trls_are_reported_by_name(client: Client, service: FakeService, tmp_path: Path) -> None:
    with lease(client) as trial:
        sft(tmp_path, TrialCallback(trial, "eval_mean_token_accuracy")).train()
    assert all(0 <= value <= 1 for _, value in reported(service))
    assert len(reported(service)) == 3


def test_a_stopped_training_ends_after_its_evaluation(client: Client, service: FakeService, tmp_path: Path) -> None:
    service.verdict = STOP
    trained(client, tmp_path)
    assert [step for step, _ in reported(service)] == [1]
    assert service.bodies("/result")[0]["state"] == "pruned"


def test_a_trial_taken_up_again_trains_as_if_it_had_never_been_paused(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"checkpoints": True, "save_strategy": "epoch", "dropout": 0.2}
    service.max_trials = 9
    unbroken = trained(client, tmp_path / "whole", **how)
    whole = reported(service)
    service.calls.clear()
    service.verdict = PAUSE
    trained(client, tmp_path / "paused", **how)
    (released,) = service.bodies("/release")
    assert released["checkpoint"] == {"uri": (tmp_path / "paused" / "checkpoint-4").as_uri(), "step": 1}
    service.calls.clear()
    service.verdict, service.resume = {"verdict": "continue"}, released["checkpoint"]
    resumed = trained(client, tmp_path / "again", **how)
    assert reported(service) == whole[1:]
    ends = weights(unbroken.model), weights(resumed.model)
    assert all(torch.equal(one, ends[1][name]) for name, one in ends[0].items())


def test_a_checkpoint_holds_adapters_alone(client: Client, service: FakeService, tmp_path: Path) -> None:
    trainer = trained(client, tmp_path, checkpoints=True, save_strategy="epoch")
    folder = tmp_path / "checkpoint-4"
    assert service.bodies("/reports")[1]["checkpoint"] == {"uri": folder.as_uri(), "step": 1}
    assert not list(folder.glob("model*.safetensors"))
    with safe_open(str(folder / "adapter_model.safetensors"), "pt") as file:
        names = set(file.keys())
        numbers = sum(file.get_tensor(name).numel() for name in names)
    assert names
    assert all(".lora_" in name for name in names)
    assert numbers == sum(one.numel() for one in trainer.model.parameters() if one.requires_grad)
    assert json.loads((folder / "adapter_config.json").read_text())["r"] == 2


def test_a_rate_that_is_too_high_is_told_as_diverged(client: Client, service: FakeService, tmp_path: Path) -> None:
    trained(client, tmp_path, learning_rate=math.inf, num_train_epochs=1)
    assert reported(service) == [(3, "nan")]


# Bad input


def test_a_metric_that_is_not_evaluated_is_named_with_those_that_are(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(InvalidReport) as caught, lease(client) as trial:
        sft(tmp_path, TrialCallback(trial, "eval_f1")).train()
    assert str(caught.value).startswith("there is no 'eval_f1' among what was measured up to epoch 1.25, only epoch, ")
    assert "eval_mean_token_accuracy" in str(caught.value)


def test_a_training_without_evaluations_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="give TrainingArguments eval_strategy='epoch' or 'steps'"):
        trained(client, tmp_path, eval_strategy="no")


def test_a_search_with_a_trainer_that_keeps_its_model_is_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(
        TrainingError, match=r"^each trial begins with a new model: .* as TRL's trainers do, train with"
    ):
        hyperparameter_search(sft(tmp_path), client.study("s"))
