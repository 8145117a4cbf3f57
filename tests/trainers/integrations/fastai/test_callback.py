import math
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("fastai", reason="needs lrtune[fastai]: make frameworks")

from fastai.basics import Callback, FetchPredsCallback
from fastai.callback.schedule import lr_find  # noqa: F401
from fastai.callback.tracker import EarlyStoppingCallback, TerminateOnNaNCallback

from lrtune import Client, InvalidReport, LeasedTrial, TrainingError, TrialNotOpen, Verdict
from lrtune.fastai import TrialCallback
from tests.fake_service import FakeService, lease_lost
from tests.trainers.integrations.fastai.small import learner

PAUSE = {"verdict": "pause", "reason": "paused"}
STOP = {"verdict": "stop", "reason": "pruned", "explanation": "rank 9 of 9"}


def lease(client: Client) -> LeasedTrial:
    return next(client.study("s").leases())


def reported(service: FakeService) -> list[tuple[int, Any]]:
    return [(one["step"], one["value"]) for body in service.bodies("/reports") for one in body["reports"]]


def column(learn: Any, place: int) -> list[float]:
    """What the Learner recorded, by epoch."""
    return [float(values[place]) for values in learn.recorder.values]


@pytest.mark.parametrize(("monitor", "place"), [("train_loss", 0), ("valid_loss", 1), ("accuracy_multi", 2)])
def test_each_epoch_is_a_step_and_the_last_one_the_result(
    client: Client, service: FakeService, monitor: str, place: int
) -> None:
    learn = learner()
    with lease(client) as trial:
        learn.fit_one_cycle(3, 1e-2, cbs=TrialCallback(trial, monitor))
    assert reported(service) == list(enumerate(column(learn, place), 1))
    assert service.bodies("/result")[0]["state"] == "complete"
    assert service.bodies("/result")[0]["value"] == column(learn, place)[-1]


class Ended(Callback):
    """Notes which ends fastai told it of."""

    order = 110

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def after_epoch(self) -> None:
        self.told.append("epoch")

    def after_cancel_fit(self) -> None:
        self.told.append("cancelled")


@pytest.mark.parametrize("belongs_to", ["fit", "learner"])
def test_a_stopped_training_ends_after_its_epoch_and_without_a_traceback(
    client: Client,
    service: FakeService,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    belongs_to: str,
) -> None:
    service.verdict, other = STOP, Ended()
    other.order = 60
    with lease(client) as trial:
        callbacks = [TrialCallback(trial), other]
        learn = learner(*(callbacks if belongs_to == "learner" else []))
        learn.fit(5, cbs=callbacks if belongs_to == "fit" else None)
        pytest.fail("what comes after fit is left out")
    assert [step for step, _ in reported(service)] == [1]
    assert service.bodies("/result")[0]["state"] == "pruned"
    assert other.told == ["epoch", "cancelled"]
    assert "Traceback" not in caplog.text + "".join(capfd.readouterr())


def test_a_lost_lease_ends_the_training_quietly(client: Client, service: FakeService) -> None:
    service.fault = lambda request: lease_lost() if request.url.path.endswith("/reports") else None
    with lease(client) as trial:
        learner().fit(3, cbs=TrialCallback(trial))
    assert trial.outcome == "lease lost"
    assert len(service.bodies("/reports")) == 1


class Hearing(Callback):
    """Brings a verdict at the second batch, as a renewal of the lease does."""

    def __init__(self, trial: LeasedTrial) -> None:
        super().__init__()
        self.leased, self.batches = trial, 0

    def after_batch(self) -> None:
        self.batches += 1
        if self.batches == 2:
            self.leased._keeper.hear(Verdict(verdict="pause", reason="paused", lease_ttl_seconds=60))


def test_a_verdict_within_an_epoch_ends_it_there_and_half_an_epoch_is_not_reported(
    client: Client, service: FakeService
) -> None:
    with lease(client) as trial:
        hearing = Hearing(trial)
        learner().fit(3, cbs=[hearing, TrialCallback(trial)])
    assert hearing.batches == 2
    assert reported(service) == []
    assert len(service.bodies("/release")) == 1


# Several fits, and what is none


def test_the_fits_of_fine_tune_are_one_training(client: Client, service: FakeService) -> None:
    learn = learner(splitter=lambda model: [list(model[:2].parameters()), list(model[2:].parameters())])
    with lease(client) as trial:
        learn.fine_tune(2, 1e-2, freeze_epochs=1, cbs=TrialCallback(trial))
    assert [step for step, _ in reported(service)] == [1, 2, 3]


def test_a_fit_beyond_the_trials_steps_is_refused_before_it_trains(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        learn, callback = learner(), TrialCallback(trial)
        learn.fit(3, cbs=callback)
        before = learn.model[0].weight.clone()
        with pytest.raises(InvalidReport) as caught:
            learn.fit(1, cbs=callback)
    assert str(caught.value) == (
        "step 4 is beyond the last of trial 0, 3: make the epochs of all its fits together trial.max_steps"
    )
    assert torch.equal(before, learn.model[0].weight)


def test_a_fit_with_another_callback_is_refused_before_it_trains(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        learn = learner()
        learn.fit(2, cbs=TrialCallback(trial))
        with pytest.raises(InvalidReport, match=r"^step 1 of trial 0 comes after step 2"):
            learn.fit(2, cbs=TrialCallback(trial))
    assert [step for step, _ in reported(service)] == [1, 2]


def test_neither_validate_nor_lr_find_nor_predictions_are_reported(client: Client, service: FakeService) -> None:
    trial = lease(client)
    learn = learner(TrialCallback(trial))
    learn.validate()
    learn.lr_find(show_plot=False)
    learn.get_preds()
    assert reported(service) == []
    with trial:
        learn.fit(3)
        learn.validate()
    assert [step for step, _ in reported(service)] == [1, 2, 3]
    learn.validate()


def test_predictions_that_are_fetched_after_each_epoch_report_nothing_more(
    client: Client, service: FakeService
) -> None:
    learn = learner()
    with lease(client) as trial:
        learn.fit(3, cbs=[FetchPredsCallback(), TrialCallback(trial)])
    assert reported(service) == list(enumerate(column(learn, 1), 1))


def test_an_epoch_after_which_another_callback_stops_is_reported(client: Client, service: FakeService) -> None:
    stops = EarlyStoppingCallback("valid_loss", min_delta=1e9)
    with lease(client) as trial:
        learner().fit(3, cbs=[stops, TrialCallback(trial)])
    assert [step for step, _ in reported(service)] == [1, 2]


# Bad input


def test_without_validation_data_the_error_names_what_there_is_and_what_to_do(
    client: Client, service: FakeService
) -> None:
    with pytest.raises(InvalidReport) as caught, lease(client) as trial:
        learner(valid=0, metrics=[]).fit(1, cbs=TrialCallback(trial))
    assert str(caught.value) == (
        "there is no 'valid_loss' among what was measured in step 1, only train_loss: "
        "give the DataLoaders validation data, or name one of these as monitor"
    )
    assert service.bodies("/result")[0]["state"] == "failed"


def test_a_metric_that_is_none_of_the_learner_is_named(client: Client) -> None:
    with pytest.raises(InvalidReport) as caught, lease(client) as trial:
        learner().fit(1, cbs=TrialCallback(trial, "f1"))
    assert str(caught.value) == (
        "there is no 'f1' among what was measured in step 1, only accuracy_multi, train_loss, valid_loss: "
        "name one of these as monitor, or give the Learner the metric"
    )


def test_a_diverged_training_is_told_as_such_and_leaves_no_checkpoint(
    client: Client, service: FakeService, tmp_path: Path
) -> None:
    with lease(client) as trial:
        learner().fit(1, math.inf, cbs=TrialCallback(trial, checkpoints=tmp_path))
    assert reported(service) == [(1, "nan")]
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_another_callback_ends_for_its_loss_has_diverged(client: Client, service: FakeService) -> None:
    with lease(client) as trial:
        learner().fit(3, math.inf, cbs=[TerminateOnNaNCallback(), TrialCallback(trial)])
    assert reported(service) == [(1, "nan")]


def test_a_learner_that_measures_nothing_is_refused(client: Client) -> None:
    words = "leave default_cbs as it is, or add fastai's Recorder"
    with pytest.raises(TrainingError, match=words), lease(client) as trial:
        learner(default_cbs=False).fit(1, cbs=TrialCallback(trial))


def test_a_callback_that_is_there_twice_is_refused_before_it_reports_twice(
    client: Client, service: FakeService
) -> None:
    words = r"^step 1 of trial 0 .* has two callbacks for one trial; train a trial with one TrialCallback"
    with pytest.raises(InvalidReport, match=words), lease(client) as trial:
        learner().fit(3, cbs=[TrialCallback(trial), TrialCallback(trial)])
    assert len(service.bodies("/reports")) == 1


@pytest.mark.parametrize("ended", [True, False])
def test_outside_the_trials_block_nothing_is_trained(client: Client, service: FakeService, ended: bool) -> None:
    trial = lease(client)
    if ended:
        with trial:
            trial.report(1, 0.5)
    learn = learner()
    before = learn.model[0].weight.clone()
    with pytest.raises(TrialNotOpen):
        learn.fit(3, cbs=TrialCallback(trial))
    assert torch.equal(before, learn.model[0].weight)


def test_several_processes_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")  # By which fastai counts them.
    words = r"^the training runs in 2 processes.*start one process, or train with Accelerate"
    with pytest.raises(TrainingError, match=words), lease(client) as trial:
        learner().fit(1, cbs=TrialCallback(trial))
