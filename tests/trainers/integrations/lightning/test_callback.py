import logging
import math
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

lightning = pytest.importorskip("lightning", reason="needs lrtune[lightning]: make frameworks")

from lrtune import Client, InvalidReport, LeasedTrial, TrainingError, TrialNotOpen, Verdict  # noqa: E402
from lrtune.lightning import TrialCallback  # noqa: E402
from tests.fake_service import FakeService, lease_lost  # noqa: E402
from tests.trainers.integrations.lightning.small import Net, fit, trainer  # noqa: E402

PAUSE = {"verdict": "pause", "reason": "paused"}
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers", "ignore:.*number of training batches", "ignore:.*`isinstance.treespec"
)


@pytest.fixture(autouse=True)
def _six_steps(service: FakeService) -> None:
    service.max_steps = 6


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases(keep_checkpoints=True))


def train(client: Client, monitor: str = "val_loss", *, checkpoints: str | Path | None = None, **how: Any) -> None:
    """A trial's training."""
    with lease(client) as trial:
        callback = TrialCallback(trial, monitor, checkpoints=checkpoints)
        fit(callback, ckpt_path=callback.ckpt_path, **how)


def reported(service: FakeService) -> list[tuple[int, Any]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def test_each_validation_is_a_step_but_not_the_one_that_only_checks(client: Client, service: FakeService) -> None:
    train(client)
    assert [step for step, _ in reported(service)] == [1, 2, 3]
    (result,) = service.bodies("/result")
    assert (result["state"], result["value"]) == ("complete", reported(service)[-1][1])


def test_validations_within_an_epoch_are_steps_too(client: Client, service: FakeService) -> None:
    train(client, epochs=2, val_check_interval=0.5)
    assert [step for step, _ in reported(service)] == [1, 2, 3, 4]


def test_what_is_no_trial_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a trial on lease"):
        TrialCallback(3)  # type: ignore[arg-type]


class Counting(TrialCallback):
    """Counts the calls of one hook that TrialCallback has no use for."""

    batches = 0

    def on_train_batch_start(self, *args: Any) -> None:
        super().on_train_batch_start(*args)
        self.batches += 1


def test_lightning_calls_the_hooks_that_are_used_and_no_others(client: Client, service: FakeService) -> None:
    profiler = lightning.pytorch.profilers.SimpleProfiler()
    with lease(client) as trial:
        callback = Counting(trial)
        fit(callback, profiler=profiler)
    assert callback.batches == 3 * 8
    called = [action.rpartition(".")[2] for action in profiler.recorded_durations if "Counting." in action]
    assert {hook for hook in called if "batch" in hook or "backward" in hook or "optimizer" in hook} == {
        "on_train_batch_start",
        "on_train_batch_end",
    }


class Ended(lightning.pytorch.Callback):
    """Notes that Lightning told it of the end."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.ends.append("train")

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        self.ends.append("fit")


def test_a_stopped_training_ends_after_its_validation_and_without_a_traceback(
    client: Client, service: FakeService, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    service.verdict, other = STOP, Ended()
    with lease(client) as trial:
        fit(TrialCallback(trial), other, epochs=5)
        pytest.fail("what comes after fit is left out")
    assert [step for step, _ in reported(service)] == [1]
    assert service.bodies("/result")[0]["state"] == "pruned"
    assert other.ends == ["train", "fit"]
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_a_lost_lease_ends_the_training_quietly(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        fit(TrialCallback(trial), epochs=5)
    assert trial.outcome == "lease lost"
    assert len(service.bodies("/reports")) == 1


class Hearing(lightning.pytorch.Callback):
    """Brings a verdict at the second batch, as a renewal of the lease does."""

    def __init__(self, trial: LeasedTrial) -> None:
        self.trial, self.batches = trial, 0

    def on_train_batch_end(self, *_: Any) -> None:
        self.batches += 1
        if self.batches == 2:
            self.trial._keeper.hear(Verdict(verdict="pause", reason="paused", lease_ttl_seconds=60))


def test_a_verdict_within_an_epoch_ends_it_there_and_half_an_epoch_is_not_reported(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        hearing = Hearing(trial)
        fit(hearing, TrialCallback(trial), epochs=5)
    assert hearing.batches <= 3
    assert reported(service) == []
    assert len(service.bodies("/release")) == 1


def test_ctrl_c_gives_the_trial_back(client: Client, service: FakeService) -> None:
    class Interrupts(lightning.pytorch.Callback):
        def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit), lease(client) as trial:
            fit(TrialCallback(trial), Interrupts())
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning leaves it ignored.
    assert len(service.bodies("/release")) == 1


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_a_trial_taken_up_again_trains_as_if_it_had_never_been_paused(
    client: Client, service: FakeService, tmp_path: Path, kind: str
) -> None:
    service.max_trials = 9
    where = str(tmp_path) if kind == "folder" else f"memory://{uuid4().hex}/checkpoints"
    train(client, model=Net(dropout=0.2), epochs=4, checkpoints=where)
    whole = reported(service)
    service.calls.clear()
    service.verdict = PAUSE
    train(client, model=Net(dropout=0.2), epochs=4, checkpoints=where)
    (released,) = service.bodies("/release")
    assert released["checkpoint"]["step"] == 1
    service.calls.clear()
    service.verdict, service.resume = {"verdict": "continue"}, released["checkpoint"]
    torch.manual_seed(99)
    train(client, model=Net(dropout=0.2), epochs=4, checkpoints=where)
    assert reported(service) == whole[1:]


def test_in_place_of_a_checkpoint_that_was_altered_the_one_before_is_gone_on_from(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service.max_trials = 9
    train(client, epochs=4, checkpoints=tmp_path)
    whole = reported(service)
    service.resume = service.bodies("/reports")[-1]["checkpoint"]
    service.calls.clear()
    (newest,) = tmp_path.glob("*-step-4.ckpt")
    newest.write_bytes(newest.read_bytes()[:-100])
    train(client, epochs=4, checkpoints=tmp_path)
    assert reported(service) == whole[3:]
    assert "the checkpoint before" in caplog.text


def test_a_trial_taken_up_again_needs_its_checkpoint(client: Client, service: FakeService, tmp_path: Path) -> None:
    train(client, epochs=2, checkpoints=tmp_path)
    service.resume, service.max_trials = service.bodies("/reports")[-1]["checkpoint"], 9
    with (
        pytest.raises(TrainingError, match=r"goes on after step 2, not 0: pass ckpt_path=callback\.ckpt_path"),
        lease(client) as trial,
    ):
        fit(TrialCallback(trial, checkpoints=tmp_path))


@pytest.mark.parametrize("content", [None, b"cut short"])
def test_a_checkpoint_that_cannot_be_read_means_from_the_start(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.ckpt").write_bytes(content)
    service.resume = {"uri": (tmp_path / "a.ckpt").as_uri(), "step": 2}
    with caplog.at_level(logging.WARNING):
        train(client, checkpoints=tmp_path)
    assert "trial 0 is trained from the start" in caplog.text
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_only_the_last_checkpoints_are_kept(client: Client, tmp_path: Path) -> None:
    train(client, epochs=4, checkpoints=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("keep", "left"), [(False, 0), (True, 2)])
def test_checkpoints_go_with_their_trial_unless_they_are_kept(
    client: Client, tmp_path: Path, keep: bool, left: int
) -> None:
    with next(client.study("s").leases()) as trial:
        fit(TrialCallback(trial, checkpoints=tmp_path, keep_checkpoints=keep))
        assert len(list(tmp_path.iterdir())) == 2
    assert len(list(tmp_path.iterdir())) == left


# Bad input


def test_a_metric_that_is_not_logged_is_named_with_those_that_are(client: Client, service: FakeService) -> None:
    with pytest.raises(InvalidReport) as caught:
        train(client, "val_accuracy")
    assert str(caught.value) == (
        "there is no 'val_accuracy' among what was measured up to epoch 1, only val_loss: "
        "log it in validation_step, or name one of these as monitor"
    )
    assert service.bodies("/result")[0]["state"] == "failed"


def test_without_validation_an_epoch_is_a_step(client: Client, service: FakeService) -> None:
    train(client, "train_loss", limit_val_batches=0)
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_without_validation_its_metric_is_missed(client: Client) -> None:
    with pytest.raises(InvalidReport, match="no 'val_loss' among what was measured up to epoch 1, only train_loss"):
        train(client, limit_val_batches=0)


def test_a_diverged_training_is_told_as_such(client: Client, service: FakeService) -> None:
    train(client, model=Net(math.inf), epochs=1)
    assert reported(service) == [(1, "nan")]


def test_a_callback_that_is_there_twice_is_refused_before_anything_is_trained(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial)
        with pytest.raises(RuntimeError, match="more than one stateful callback"):
            trainer(callback, callback)
        trial.complete(0.5)
    assert reported(service) == []


@pytest.mark.parametrize("same", [True, False])
def test_fit_called_again_is_refused_before_it_trains(client: Client, service: FakeService, same: bool) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial)
        fit(callback, epochs=2)
        with pytest.raises(InvalidReport, match="step 1 of trial 0 comes after step 2"):
            fit(callback if same else TrialCallback(trial), epochs=2)
    assert [step for step, _ in reported(service)] == [1, 2]


@pytest.mark.parametrize("ended", [True, False])
def test_outside_the_trials_block_nothing_is_trained(client: Client, service: FakeService, ended: bool) -> None:
    trial = lease(client)
    if ended:
        with trial:
            trial.report(1, 0.5)
    model = Net()
    weights = model.net[0].weight.detach().clone()
    with pytest.raises(TrialNotOpen):
        fit(TrialCallback(trial), model=model)
    assert torch.equal(weights, model.net[0].weight)


def test_several_processes_are_refused(client: Client) -> None:
    with lease(client) as trial:
        callback, several = TrialCallback(trial), type("Several", (), {"world_size": 2})
        with pytest.raises(
            TrainingError, match=r"runs in 2 processes.*lrtune.distributed.leases, or use Trainer\(devices=1\)"
        ):
            callback.setup(several, None, "fit")
        trial.complete(0.5)
