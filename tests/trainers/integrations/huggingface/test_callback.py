import logging
import math
from pathlib import Path
from typing import Any

import pytest

transformers = pytest.importorskip("transformers", reason="needs lrtune[huggingface]: make frameworks")

from lrtune import Client, InvalidReport, LeasedTrial, TrainingError, TrialNotOpen, Verdict  # noqa: E402
from lrtune.huggingface import TrialCallback  # noqa: E402
from tests.fake_service import FakeService, lease_lost  # noqa: E402
from tests.trainers.integrations.huggingface.small import DATA, trainer  # noqa: E402

PAUSE = {"verdict": "pause", "reason": "paused"}
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def train(client: Client, folder: Path, monitor: str = "eval_loss", *, checkpoints: bool = False, **how: Any) -> None:
    """A trial's training."""
    with lease(client) as trial:
        callback = TrialCallback(trial, monitor, checkpoints=checkpoints)
        trainer(folder, callback, **how).train(resume_from_checkpoint=callback.resume_from_checkpoint)


def reported(service: FakeService) -> list[tuple[int, Any]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def test_each_epoch_is_a_step_where_the_training_is_as_long_as_the_trial(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    train(client, tmp_path)
    assert [step for step, _ in reported(service)] == [1, 2, 3]
    (result,) = service.bodies("/result")
    assert (result["state"], result["value"]) == ("complete", reported(service)[-1][1])


@pytest.mark.parametrize(
    ("length", "evaluated_at"),
    [
        ({"num_train_epochs": 1.5, "eval_steps": 2}, [2, 4, 6]),
        ({"num_train_epochs": 3, "eval_steps": 4}, [4, 8, 12]),
        ({"num_train_epochs": 3, "eval_steps": 3}, [6, 9, 12]),
        ({"num_train_epochs": 3, "eval_steps": 1}, [4, 8, 12]),
        ({"num_train_epochs": 1.75, "eval_steps": 1 / 3}, [3, 6, 7]),
        ({"max_steps": 6, "eval_steps": 2}, [2, 4, 6]),
    ],
)
def test_a_step_is_a_third_of_the_training_where_the_trial_has_three(
    client: Client, service: FakeService, tmp_path: Path, length: dict[str, Any], evaluated_at: list[int]
) -> None:
    losses: dict[float, int] = {}

    class Notes(transformers.TrainerCallback):
        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any, **_: Any) -> None:
            losses[metrics["eval_loss"]] = state.global_step

    with lease(client) as trial:
        trainer(tmp_path, Notes(), TrialCallback(trial), eval_strategy="steps", **length).train()
    assert [(step, losses[loss]) for step, loss in reported(service)] == list(enumerate(evaluated_at, 1))


def test_without_a_length_evaluations_are_counted(client: Client, service: FakeService, tmp_path: Path) -> None:
    service.max_steps = None
    with lease(client) as trial:
        trainer(tmp_path, TrialCallback(trial), eval_strategy="steps", eval_steps=3).train()
    assert [step for step, _ in reported(service)] == [1, 2, 3, 4]


class Ended(transformers.TrainerCallback):
    """Notes that the Trainer told it of the end."""

    def __init__(self) -> None:
        self.times = 0

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.times += 1


def test_a_stopped_training_ends_after_its_evaluation_and_without_a_traceback(
    client: Client,
    service: FakeService,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    service.verdict, other = STOP, Ended()
    with lease(client) as trial:
        trainer(tmp_path, other, TrialCallback(trial)).train()
        pytest.fail("what comes after train is left out")
    assert [step for step, _ in reported(service)] == [1]
    assert service.bodies("/result")[0]["state"] == "pruned"
    assert other.times == 1
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_a_lost_lease_ends_the_training_quietly(client: Client, service: FakeService, tmp_path: Path) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        trainer(tmp_path, TrialCallback(trial)).train()
    assert trial.outcome == "lease lost"
    assert len(service.bodies("/reports")) == 1


class Hearing(transformers.TrainerCallback):
    """Brings a verdict at the second optimizer step, as a renewal of the lease does."""

    def __init__(self, trial: LeasedTrial) -> None:
        self.trial, self.steps = trial, 0

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.steps += 1
        if self.steps == 2:
            self.trial._keeper.hear(Verdict(verdict="pause", reason="paused", lease_ttl_seconds=60))


def test_a_verdict_within_an_epoch_ends_it_there_with_a_checkpoint(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    with lease(client) as trial:
        hearing = Hearing(trial)
        trainer(tmp_path, hearing, TrialCallback(trial, checkpoints=True), save_strategy="steps").train()
    assert hearing.steps == 2
    assert reported(service) == []
    (released,) = service.bodies("/release")
    assert released["checkpoint"] == {"uri": (tmp_path / "checkpoint-2").as_uri(), "step": 0}


def test_a_trial_taken_up_again_trains_as_if_it_had_never_been_paused(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    how: dict[str, Any] = {"checkpoints": True, "save_strategy": "epoch", "dropout": 0.1}
    service.max_trials = 9
    train(client, tmp_path / "whole", **how)
    whole = reported(service)
    service.calls.clear()
    service.verdict = PAUSE
    train(client, tmp_path / "paused", **how)
    (released,) = service.bodies("/release")
    assert released["checkpoint"]["step"] == 1
    service.calls.clear()
    service.verdict, service.resume = {"verdict": "continue"}, released["checkpoint"]
    train(client, tmp_path / "again", **how)
    assert reported(service) == whole[1:]


def test_a_checkpoint_is_told_with_the_next_report(client: Client, service: FakeService, tmp_path: Path) -> None:
    train(client, tmp_path, checkpoints=True, save_strategy="epoch")
    told = [body["checkpoint"] for body in service.bodies("/reports")]
    assert told == [None, *({"uri": (tmp_path / f"checkpoint-{4 * step}").as_uri(), "step": step} for step in (1, 2))]


def test_a_trial_taken_up_again_needs_its_checkpoint(client: Client, service: FakeService, tmp_path: Path) -> None:
    train(client, tmp_path, checkpoints=True, save_strategy="epoch")
    service.resume, service.max_trials = service.bodies("/reports")[-1]["checkpoint"], 9
    words = r"goes on from a checkpoint: pass resume_from_checkpoint=callback\.resume_from_checkpoint to train"
    with pytest.raises(TrainingError, match=words), lease(client) as trial:
        trainer(tmp_path, TrialCallback(trial, checkpoints=True)).train()


def test_a_checkpoint_that_is_not_there_means_from_the_start(
    client: Client, service: FakeService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service.resume = {"uri": (tmp_path / "gone").as_uri(), "step": 2}
    with caplog.at_level(logging.WARNING):
        train(client, tmp_path, checkpoints=True)
    assert "trial 0 is trained from the start: there is no checkpoint" in caplog.text
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_an_evaluation_after_the_training_is_not_reported(client: Client, service: FakeService, tmp_path: Path) -> None:
    with lease(client) as trial:
        made = trainer(tmp_path, TrialCallback(trial), eval_on_start=True)
        made.train()
        made.evaluate()
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_of_several_data_sets_the_named_one_is_reported(client: Client, service: FakeService, tmp_path: Path) -> None:
    with lease(client) as trial:
        made = trainer(tmp_path, TrialCallback(trial, "eval_second_loss"))
        made.eval_dataset = {"first": DATA[:32], "second": DATA[32:]}
        made.train()
    assert [step for step, _ in reported(service)] == [1, 2, 3]


# Bad input


def test_a_metric_that_is_not_evaluated_is_named_with_those_that_are(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(InvalidReport) as caught:
        train(client, tmp_path, "eval_f1")
    there, _, remedy = str(caught.value).partition(": ")
    assert there.startswith("there is no 'eval_f1' among what was measured up to epoch 1.25, only epoch, eval_loss, ")
    assert remedy == "name one of these as monitor"
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_training_without_evaluations_is_refused_before_it_begins(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="give TrainingArguments eval_strategy='epoch' or 'steps'"):
        train(client, tmp_path, eval_strategy="no")


def test_a_diverged_training_is_told_as_such(client: Client, service: FakeService, tmp_path: Path) -> None:
    train(client, tmp_path, learning_rate=math.inf, num_train_epochs=1)
    assert reported(service) == [(3, "nan")]


def test_a_callback_that_is_there_twice_is_refused_before_it_reports_twice(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    words = r"step 1 of trial 0 .* has two callbacks for one trial"
    with pytest.raises(InvalidReport, match=words), lease(client) as trial:
        trainer(tmp_path, TrialCallback(trial), TrialCallback(trial)).train()
    assert len(service.bodies("/reports")) == 1


@pytest.mark.parametrize("same", [True, False])
def test_train_called_again_is_refused_before_it_trains(
    client: Client, service: FakeService, tmp_path: Path, same: bool
) -> None:
    with lease(client) as trial:
        callback = TrialCallback(trial)
        trainer(tmp_path, callback, num_train_epochs=2).train()
        with pytest.raises(InvalidReport, match="step 1 of trial 0 comes after step 3"):
            trainer(tmp_path, callback if same else TrialCallback(trial)).train()


@pytest.mark.parametrize("ended", [True, False])
def test_outside_the_trials_block_nothing_is_trained(
    client: Client, service: FakeService, tmp_path: Path, ended: bool
) -> None:
    trial = lease(client)
    if ended:
        with trial:
            trial.report(1, 0.5)
    made = trainer(tmp_path, TrialCallback(trial))
    with pytest.raises(TrialNotOpen):
        made.train()
    assert made.state.global_step == 0


def test_several_processes_are_refused(client: Client) -> None:
    with lease(client) as trial:
        callback, several = TrialCallback(trial), type("Several", (), {"world_size": 2})
        with pytest.raises(TrainingError, match=r"runs in 2 processes.*lrtune.distributed.leases, or use one process"):
            callback.on_train_begin(several, None, None)
        trial.complete(0.5)
