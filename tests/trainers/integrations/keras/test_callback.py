import logging
import math
from pathlib import Path
from typing import Any

import pytest
import torch

keras = pytest.importorskip("keras", reason="needs lrtune[keras]: make frameworks")

from lrtune import Client, InvalidReport, LeasedTrial, TrainingError, TrialNotOpen, Verdict  # noqa: E402
from lrtune.keras import TrialCallback  # noqa: E402
from tests.fake_service import FakeService, lease_lost  # noqa: E402
from tests.trainers.integrations.keras.small import fit, network  # noqa: E402

PAUSE = {"verdict": "pause", "reason": "paused"}
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases(keep_checkpoints=True))


def train(
    client: Client, monitor: str = "val_loss", *, model: Any = None, epochs: int = 3, **how: Any
) -> dict[str, Any]:
    """The history of a trial's training."""
    own = {name: how.pop(name) for name in ("every", "checkpoints") if name in how}
    with lease(client) as trial:
        return fit(model or network(), TrialCallback(trial, monitor, **own), epochs=epochs, **how)
    return {}


@pytest.fixture(autouse=True)
def _five_epochs(service: FakeService) -> None:
    service.max_steps = 5


def reported(service: FakeService) -> list[tuple[int, float]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def test_each_epoch_is_a_step_and_the_last_one_the_result(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        history = fit(network(), TrialCallback(trial))
    assert reported(service) == list(enumerate(history["val_loss"], 1))
    assert service.bodies("/result")[0]["state"] == "complete"
    assert service.bodies("/result")[0]["value"] == history["val_loss"][-1]


class Ended(keras.callbacks.Callback):
    """Notes that Keras told it of the end."""

    def __init__(self) -> None:
        super().__init__()
        self.times = 0

    def on_train_end(self, logs: Any = None) -> None:
        self.times += 1


def test_a_stopped_training_ends_after_its_epoch_and_without_a_traceback(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.verdict = STOP
    other = Ended()
    with lease(client) as trial:
        fit(network(), other, TrialCallback(trial), epochs=5)
        pytest.fail("what comes after fit is left out")
    assert [step for step, _ in reported(service)] == [1]
    assert service.bodies("/result")[0]["state"] == "pruned"
    assert other.times == 1
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_a_lost_lease_ends_the_training_quietly(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        fit(network(), TrialCallback(trial), epochs=5)
    assert trial.outcome == "lease lost"
    assert len(service.bodies("/reports")) == 1


class Hearing(keras.callbacks.Callback):
    """Brings a verdict at the second batch, as a renewal of the lease does."""

    def __init__(self, trial: LeasedTrial) -> None:
        super().__init__()
        self.trial, self.batches = trial, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1
        if self.batches == 2:
            self.trial._keeper.hear(Verdict(verdict="pause", reason="paused", lease_ttl_seconds=60))


def test_a_verdict_within_an_epoch_ends_it_there_and_half_an_epoch_is_not_reported(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        hearing = Hearing(trial)
        fit(network(), hearing, TrialCallback(trial), epochs=5)
    assert hearing.batches <= 3
    assert reported(service) == []
    assert len(service.bodies("/release")) == 1


def test_a_trial_taken_up_again_trains_as_if_it_had_never_been_paused(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    whole = train(client, model=network(dropout=0.2), checkpoints=tmp_path, epochs=4)
    service.verdict, service.max_trials = PAUSE, 9
    train(client, model=network(dropout=0.2), checkpoints=tmp_path, epochs=4)
    (released,) = service.bodies("/release")
    assert released["checkpoint"]["step"] == 1
    service.verdict, service.resume = {"verdict": "continue"}, released["checkpoint"]
    with lease(client) as trial:
        callback = TrialCallback(trial, checkpoints=tmp_path)
        rest = fit(network(seed=1, dropout=0.2), callback, epochs=4, initial_epoch=callback.initial_epoch)
    assert rest["val_loss"] == whole["val_loss"][1:]


def test_a_trial_taken_up_again_needs_the_epoch_at_which_it_was(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    train(client, checkpoints=tmp_path, epochs=2)
    service.resume, service.max_trials = service.bodies("/reports")[-1]["checkpoint"], 9
    with pytest.raises(TrainingError, match=r"goes on after epoch 2: pass initial_epoch=callback\.initial_epoch"):
        train(client, checkpoints=tmp_path)


def test_the_checkpoint_of_another_model_is_refused(client: Client, service: FakeService, tmp_path: Path) -> None:
    train(client, checkpoints=tmp_path, epochs=1)
    service.resume, service.max_trials = service.bodies("/reports")[-1]["checkpoint"], 9
    other = keras.Sequential([keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(TrainingError, match="the checkpoint is of another model"):
        train(client, model=other, checkpoints=tmp_path, initial_epoch=1)


@pytest.mark.parametrize("content", [None, b"cut short"])
def test_a_checkpoint_that_cannot_be_read_means_from_the_start(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.pt").write_bytes(content)
    service.resume = {"uri": (tmp_path / "a.pt").as_uri(), "step": 2}
    with caplog.at_level(logging.WARNING), lease(client) as trial:
        callback = TrialCallback(trial, checkpoints=tmp_path)
        fit(network(), callback, initial_epoch=callback.initial_epoch)
    assert "trial 0 is trained from the start" in caplog.text
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_only_the_last_checkpoints_are_kept(client: Client, tmp_path: Path) -> None:
    train(client, checkpoints=tmp_path, epochs=4)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("keep", "left"), [(False, 0), (True, 2)])
def test_checkpoints_go_with_their_trial_unless_they_are_kept(
    client: Client, tmp_path: Path, keep: bool, left: int
) -> None:
    with next(client.study("s").leases()) as trial:
        fit(network(), TrialCallback(trial, checkpoints=tmp_path, keep_checkpoints=keep), epochs=3)
        assert len(list(tmp_path.iterdir())) == 2
    assert len(list(tmp_path.iterdir())) == left


# Bad input


def test_without_validation_the_error_names_what_there_is_and_what_to_do(client: Client, service: FakeService) -> None:
    with pytest.raises(InvalidReport) as caught:
        train(client, validation_split=0.0)
    there, _, remedy = str(caught.value).partition(": ")
    assert there.endswith("no 'val_loss' among what was measured in epoch 1, only accuracy, learning_rate, loss")
    assert remedy.startswith("give fit validation_data=… or validation_split=…")
    assert "\n" not in remedy
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_metric_that_is_none_of_the_model_is_named(client: Client) -> None:
    with pytest.raises(InvalidReport, match=r"there is no 'f1' .*only accuracy, .*val_loss: name one"):
        train(client, "f1")


def test_epochs_without_validation_are_left_out_where_that_is_meant(client: Client, service: FakeService) -> None:
    train(client, every=2, epochs=4, validation_freq=2)
    assert [step for step, _ in reported(service)] == [2, 4]


def test_a_diverged_training_is_told_as_such_and_leaves_no_checkpoint(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    model = network()
    model.compile(keras.optimizers.SGD(math.inf), "mse")
    train(client, model=model, checkpoints=tmp_path, epochs=1)
    assert reported(service) == [(1, "nan")]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "loss",
    [
        torch.tensor(0.25),
        torch.tensor([0.25]),
        torch.tensor(0.25, dtype=torch.bfloat16),
        torch.tensor(0.25, requires_grad=True),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_loss_may_be_a_tensor(client: Client, service: FakeService, loss: Any) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial, "loss")
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": loss})
    assert reported(service) == [(1, 0.25)]


def test_a_loss_that_is_several_numbers_is_refused(client: Client) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial, "loss")
        callback.on_train_begin()
        with pytest.raises(InvalidReport, match="must be one number"):
            callback.on_epoch_end(0, {"loss": torch.ones(2)})
        trial.complete(0.5)


def test_a_callback_that_is_there_twice_is_refused_before_it_reports_twice(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial)
        with pytest.raises(InvalidReport, match=r"step 1 of trial 0 .* has two callbacks for one trial"):
            fit(network(), callback, callback)
    assert len(service.bodies("/reports")) == 1


@pytest.mark.parametrize("same", [True, False])
def test_fit_called_again_is_refused_before_it_trains(client: Client, service: FakeService, same: bool) -> None:
    with lease(client) as trial:
        model, callback = network(), TrialCallback(trial)
        fit(model, callback, epochs=2)
        with pytest.raises(InvalidReport, match="step 1 of trial 0 comes after step 2"):
            fit(model, callback if same else TrialCallback(trial), epochs=2)
    assert [step for step, _ in reported(service)] == [1, 2]


def test_fit_called_again_may_go_on_where_it_was(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        model, callback = network(), TrialCallback(trial)
        fit(model, callback, epochs=2)
        fit(model, callback, epochs=3, initial_epoch=2)
    assert [step for step, _ in reported(service)] == [1, 2, 3]


@pytest.mark.parametrize("ended", [True, False])
def test_outside_the_trials_block_nothing_is_trained(client: Client, service: FakeService, ended: bool) -> None:
    trial = lease(client)
    if ended:
        with trial:
            trial.report(1, 0.5)
    model = network()
    with pytest.raises(TrialNotOpen):
        fit(model, TrialCallback(trial))
    assert int(model.optimizer.iterations) == 0


def test_a_checkpoint_needs_keras_on_torch(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(TrainingError, match="needs Keras on torch, not on jax: set KERAS_BACKEND=torch"):
        TrialCallback(lease(client), checkpoints=tmp_path)
