import logging
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("fastai", reason="needs lrtune[fastai]: make frameworks")

from fastai.basics import OptimWrapper
from fastai.callback.schedule import lr_find  # noqa: F401

from lrtune import Client, LeasedTrial, TrainingError
from lrtune.fastai import TrialCallback
from tests.fake_service import FakeService
from tests.trainers.integrations.fastai.small import learner

PAUSE = {"verdict": "pause", "reason": "paused"}


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def reported(service: FakeService) -> list[tuple[int, Any]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def torchs_adamw(parameters: Any, **how: Any) -> Any:
    return OptimWrapper(parameters, opt=torch.optim.AdamW, **how)


def trained(client: Client, folder: Path, *, seed: int = 0, monitor: str = "valid_loss", **how: Any) -> None:
    """A trial's training, which goes on from the checkpoint there is."""
    with lease(client) as trial:
        callback = TrialCallback(trial, monitor, checkpoints=folder, keep_checkpoints=True)
        learn = learner(seed=seed, dropout=0.3, **how)
        learn.fit_one_cycle(3, 1e-2, cbs=callback, start_epoch=callback.start_epoch)


@pytest.mark.parametrize("monitor", ["valid_loss", "train_loss"])
@pytest.mark.parametrize("how", [{}, {"opt_func": torchs_adamw}])
def test_a_trial_taken_up_again_trains_as_if_it_had_never_been_paused(
    client: Client, service: FakeService, tmp_path: Path, how: dict[str, Any], monitor: str
) -> None:
    service.max_trials = 9
    trained(client, tmp_path, monitor=monitor, **how)
    whole = reported(service)
    service.calls.clear()
    service.verdict = PAUSE
    trained(client, tmp_path, monitor=monitor, **how)
    (released,) = service.bodies("/release")
    assert released["checkpoint"]["step"] == 1
    service.calls.clear()
    service.verdict, service.resume = {"verdict": "continue"}, released["checkpoint"]
    trained(client, tmp_path, seed=1, monitor=monitor, **how)
    assert reported(service) == whole[1:]


def test_a_trial_taken_up_again_needs_the_epoch_at_which_it_was(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    trained(client, tmp_path)
    service.resume, service.max_trials = service.bodies("/reports")[1]["checkpoint"], 9
    with pytest.raises(TrainingError) as caught, lease(client) as trial:
        learner().fit(3, cbs=TrialCallback(trial, checkpoints=tmp_path))
    assert str(caught.value) == "trial 1 goes on after epoch 2: pass start_epoch=callback.start_epoch to fit"


@pytest.mark.parametrize(("other", "how"), [("model", {}), ("optimizer", {"opt_func": torchs_adamw})])
def test_the_checkpoint_of_another_model_is_refused(
    client: Client, service: FakeService, tmp_path: Path, other: str, how: dict[str, Any]
) -> None:
    trained(client, tmp_path)
    service.resume, service.max_trials = service.bodies("/reports")[1]["checkpoint"], 9
    learn = learner(**how)
    if other == "model":
        learn.model = torch.nn.Linear(20, 1)
    with lease(client) as trial:
        callback = TrialCallback(trial, checkpoints=tmp_path)
        with pytest.raises(TrainingError, match=f"^the checkpoint is of another {other}: build the {other} that"):
            learn.fit(3, cbs=callback, start_epoch=callback.start_epoch)
        trial.complete(0.5)


@pytest.mark.parametrize("content", [None, b"cut short"])
def test_a_checkpoint_that_cannot_be_read_means_from_the_start(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.pt").write_bytes(content)
    service.resume = {"uri": (tmp_path / "a.pt").as_uri(), "step": 2}
    with caplog.at_level(logging.WARNING):
        trained(client, tmp_path)
    assert "trial 0 is trained from the start" in caplog.text
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_the_checkpoint_of_another_epoch_is_not_gone_on_from(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(client, tmp_path)
    told = service.bodies("/reports")[1]["checkpoint"]
    service.resume, service.max_trials = {**told, "step": 1}, 9
    with caplog.at_level(logging.WARNING), lease(client) as trial:
        assert TrialCallback(trial, checkpoints=tmp_path).start_epoch == 0
        trial.complete(0.5)
    assert "trial 1 is trained from the start: it is of epoch 2, not 1" in caplog.text


def test_only_the_last_checkpoints_are_kept(client: Client, tmp_path: Path) -> None:
    trained(client, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("keep", [False, True])
def test_when_the_study_is_over_the_best_trial_has_a_checkpoint_unless_all_are_kept(tmp_path: Path, keep: bool) -> None:
    pytest.importorskip("optuna")
    folder = tmp_path / "checkpoints"
    with Client(f"local:{tmp_path}/lrtune.db") as local:
        study = local.create_study("s", max_trials=3, max_steps=2, pruner="none")
        for trial in study.leases(resumable=True):
            with trial:
                callback = TrialCallback(trial, checkpoints=folder, keep_checkpoints=keep)
                learner().fit(2, trial.params["learning_rate"], cbs=callback, start_epoch=callback.start_epoch)
        best = study.status().best
        assert best is not None
        where = local.trial("s", best.trial).checkpoint
    assert where is not None
    assert Path(where.uri.removeprefix("file://")) in list(folder.iterdir())
    assert len(list(folder.iterdir())) == (6 if keep else 1)


def test_checkpoints_go_with_one_fit(client: Client, tmp_path: Path) -> None:
    with lease(client) as trial:
        learn, callback = learner(), TrialCallback(trial, checkpoints=tmp_path)
        learn.fit(1, cbs=callback)
        with pytest.raises(TrainingError, match=r"^checkpoints go with one fit: leave checkpoints out"):
            learn.fit(1, cbs=callback)
