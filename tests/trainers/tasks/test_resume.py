"""The built-in tasks on lease: checkpoints, pausing, and going on bit for bit."""

import logging
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("torch")

import torch

from lrtune import Client
from lrtune.trainers.state import checkpoints
from lrtune.trainers.tasks import TASKS
from lrtune.trainers.tasks.builtin.characters import TASK as CHARACTERS
from lrtune.trainers.tasks.builtin.digits import TASK as DIGITS
from lrtune.trainers.tasks.builtin.digits import train
from lrtune.trainers.tasks.loop import Training, train_on_lease
from lrtune.trainers.tasks.protocols import GradientTask
from tests.fake_service import STUDY, FakeService

CPU = torch.device("cpu")
PARAMS: dict[str, Any] = {"learning_rate": 0.03, "momentum": 0.9, "dropout": 0.2, "num_layers": 1, "batch_size": 256}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LRTUNE_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return tmp_path / "checkpoints"


@pytest.mark.parametrize(
    ("task", "more"),
    [
        (DIGITS, {"optimizer": "sgd"}),
        (DIGITS, {"optimizer": "adamw", "layer_decay": 0.8}),
        (DIGITS, {"optimizer": "adam", "schedule": "plateau", "schedule.patience": 0}),
        (CHARACTERS, {"optimizer": "adam", "batch_size": 64}),
        (DIGITS, {"optimizer": "schedule_free", "schedule": "constant"}),
    ],
    ids=["digits-sgd", "digits-adamw", "digits-plateau", "characters", "digits-schedule-free"],
)
def test_a_training_that_was_interrupted_comes_to_the_same_bit_for_bit(
    task: GradientTask, more: dict[str, Any], folder: Path
) -> None:
    if more["optimizer"] == "schedule_free":
        pytest.importorskip("schedulefree")
    params = {**PARAMS, **more}
    epochs = 2 if task is CHARACTERS else 4
    reports: list[float] = []
    whole = task.fit(params, epochs, 5, lambda _, value: reports.append(value))
    first = Training(task, params, epochs, 5)
    first.train_epoch()
    assert first.value == reports[0]
    uri = checkpoints.save(folder, "a", 1, first.state_dict())
    torch.manual_seed(0)
    second = Training(task, params, epochs, 5)
    second.load_state_dict(checkpoints.load(uri, CPU))
    while not second.over:
        second.train_epoch()
    assert second.value == whole


def test_a_checkpoint_of_the_first_form_is_gone_on_from() -> None:
    params = {**PARAMS, "optimizer": "sgd"}
    whole = DIGITS.fit(params, 2, 5)
    first = Training(DIGITS, params, 2, 5)
    first.train_epoch()
    state = first.state_dict()
    state["schedule"] = state.pop("scheduler")
    del state["scaler"], state["clipper"]
    second = Training(DIGITS, params, 2, 5)
    second.load_state_dict(state)
    second.train_epoch()
    assert second.value == whole


def test_a_training_that_goes_on_for_longer_anneals_to_its_new_end() -> None:
    short = Training(DIGITS, PARAMS, 2, 0)
    short.train_epoch()
    long = Training(DIGITS, PARAMS, 4, 0)
    long.load_state_dict(short.state_dict())
    long.train_epoch()
    assert long.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.015)
    while not long.over:
        long.train_epoch()
    assert long.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_the_schedule_is_that_of_the_parameters() -> None:
    training = Training(DIGITS, {**PARAMS, "schedule": "exponential", "schedule.gamma": 0.5}, 1, 0)
    training.train_epoch()
    steps = len(DIGITS.batches(PARAMS, seed=0))
    assert training.learner.optimizer.param_groups[0]["lr"] == pytest.approx(0.03 * 0.5**steps)


def lease(service: FakeService, folder: Path) -> str | None:
    """Train the next trial of the service; how it ended."""
    service.max_trials += 1
    with Client("http://service", transport=httpx2.MockTransport(service)) as client:
        trial = next(client.study("s").leases(resumable=True))
        trial.params |= PARAMS
        with trial:
            trial.complete(train(trial))
    return trial.outcome


@pytest.fixture
def quiet_service() -> FakeService:
    return FakeService(max_trials=0)


def values(service: FakeService) -> list[tuple[int, float]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def test_a_paused_trial_keeps_its_checkpoint_and_goes_on_from_it(quiet_service: FakeService, folder: Path) -> None:
    service = quiet_service
    assert STUDY["max_steps"] == 3
    lease(service, folder)
    whole = values(service)
    assert [step for step, _ in whole] == [1, 2, 3]
    assert not list(folder.iterdir()), "nothing is left of a trial that is over"

    service.calls.clear()
    service.by_request_id.clear()
    service.max_trials = 0
    service.verdict = {"verdict": "pause", "reason": "paused"}
    assert lease(service, folder) == "paused"
    checkpoint = service.bodies("/release")[0]["checkpoint"]
    assert checkpoint["step"] == 1

    service.by_request_id.clear()
    service.max_trials = 0
    service.verdict, service.resume = {"verdict": "continue"}, checkpoint
    assert lease(service, folder) == f"complete, {whole[-1][1]:.6g}"
    assert values(service) == whole


def test_a_stopped_trial_leaves_nothing_behind(quiet_service: FakeService, folder: Path) -> None:
    quiet_service.verdict = {"verdict": "stop", "reason": "pruned"}
    lease(quiet_service, folder)
    assert quiet_service.bodies("/result")[0]["state"] == "pruned"
    assert not list(folder.iterdir())


@pytest.mark.parametrize("what", ["missing", "broken", "of another model", "of another step", "elsewhere"])
def test_a_checkpoint_that_cannot_be_used_means_a_fresh_start(
    quiet_service: FakeService, folder: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    uri = (folder / "kept.pt").as_uri()
    if what == "broken":
        (folder / "kept.pt").write_bytes(b"no checkpoint")
    elif what == "of another model":
        torch.save({"model": {}, "optimizer": {}}, folder / "kept.pt")
    elif what == "of another step":
        training = Training(DIGITS, PARAMS, 3, 0)
        training.train_epoch()
        torch.save(training.state_dict(), folder / "kept.pt")
    elif what == "elsewhere":
        uri = "s3://bucket/kept.pt"
    quiet_service.resume = {"uri": uri, "step": 2}
    with caplog.at_level(logging.WARNING):
        lease(quiet_service, folder)
    assert [step for step, _ in values(quiet_service)] == [1, 2, 3]
    assert "is trained from the start" in caplog.text
    assert "set LRTUNE_CHECKPOINTS to it" in caplog.text


@pytest.mark.parametrize("name", ["digits", "breast-cancer", "diabetes"])
def test_a_short_lease_is_the_whole_training_of_that_length(quiet_service: FakeService, name: str) -> None:
    task = TASKS[name]
    assert isinstance(task, GradientTask)
    assert task.default_epochs > 3
    quiet_service.max_trials = 1
    with Client("http://service", transport=httpx2.MockTransport(quiet_service)) as client:
        trial = next(client.study("s").leases(anneals=True))
        trial.params |= PARAMS
        with trial:
            assert trial.max_steps == 3
            train_on_lease(task, trial)
    whole: list[tuple[int, float]] = []
    task.fit(trial.params, 3, trial.number, lambda step, value: whole.append((step, value)))
    assert values(quiet_service) == whole
    longer: list[float] = []
    task.fit(trial.params, 4, trial.number, lambda _, value: longer.append(value))
    assert longer[2] != whole[2][1], "its schedule ends with the lease"


def test_all_gradient_tasks_say_that_they_anneal_and_can_be_resumed() -> None:
    from lrtune.trainers.tasks.loader import load_task

    for name, task in TASKS.items():
        marked = load_task(name)
        assert marked.__dict__["anneals"] is isinstance(task, GradientTask), "a tree has no schedule"
        assert marked.__dict__["resumable"] is isinstance(task, GradientTask)
