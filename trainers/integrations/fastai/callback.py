"""The callback that trains a leased trial with a fastai `Learner`.

for trial in study.leases(anneals=True, resumable=True):
    with trial:
        callback = TrialCallback(trial, checkpoints="/shared/checkpoints")
        learn = Learner(dls, model(), loss_func=…)
        learn.fit_one_cycle(
            trial.max_steps, trial.params["learning_rate"], cbs=callback, start_epoch=callback.start_epoch
        )
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import InvalidReport, TrainingError
from lrtune.trainers.integrations.epoch_files import EpochFiles
from lrtune.trainers.integrations.fastai.framework import Callback, CancelFitException, num_distrib
from lrtune.trainers.integrations.fastai.state import set_state, state_of
from lrtune.trainers.integrations.reports import Reports, checked_trial, read_metric


class TrialCallback(Callback):
    """Reports `monitor` after each epoch, a step each, and ends the training where the service says so.

    `monitor` is `valid_loss`, `train_loss` or the name of one of the Learner's metrics. Several fits of one trial with
    the same callback, as `fine_tune` makes two, are one training: their epochs are counted on. Where the service has
    ended the training, it ends by CancelFitException, and `fit` raises TrialStopped, TrialPaused or LeaseLost at its
    very end, which `with trial:` takes quietly.

    `checkpoints`: a folder that every worker can read, to which the weights, the optimizer, the order of the data and
    the random state are written with each report; pass `start_epoch=callback.start_epoch` to `fit` or `fit_one_cycle`,
    to go on from there where a trial is taken up again. They go with one fit, and are removed when the trial is over,
    the last one of the study's best trial aside, unless `keep_checkpoints`.

    `lr_find` and `validate` report nothing. Training raises InvalidReport where the Learner does not measure `monitor`
    and where steps would be reported again or beyond the trial's last, TrialNotOpen outside `with trial:`,
    TrainingError for the checkpoint of another model and in several processes.
    """

    order = 100  # After the callback that records what is measured, and those that schedule, save and stop early.
    remove_on_fetch = True
    run = True

    def __init__(
        self,
        trial: LeasedTrial,
        monitor: str = "valid_loss",
        *,
        checkpoints: str | Path | None = None,
        keep_checkpoints: bool = False,
    ) -> None:
        super().__init__()
        self.trial = checked_trial(trial)
        self.monitor = monitor
        self._files = None if checkpoints is None else EpochFiles(trial, checkpoints, keep=keep_checkpoints)
        self._reports = Reports(trial, monitor)
        self._fitting = False
        self._under_way: int | None = None  # The trial's step that is trained.
        self._done = self._done_before = 0  # Steps, and those of the fits before this one.
        self._kept = None if self._files is None else self._files.state()
        self.start_epoch: int = 0 if self._kept is None else self._kept["epoch"]
        """The epochs that are trained already: what `fit` begins with."""

    def __call__(self, event_name: str) -> None:
        """As of fastai's callbacks, but errors keep their own words: fastai would make several lines of them."""
        handler = getattr(type(self), event_name, None)
        if handler is not None and self.run:
            handler(self)
        if event_name == "after_fit":
            self.run = True

    def before_fit(self) -> None:
        """For fastai."""
        self.run = not hasattr(self.learn, "lr_finder")
        self._fitting, self._under_way = False, None

    def before_train(self) -> None:
        """For fastai. `validate` comes here never, so that what `fit` begins with is begun here."""
        if not self._fitting:
            self._begin()
        step = self._done_before + self.learn.epoch + 1
        if self.trial.max_steps is not None and step > self.trial.max_steps:
            raise InvalidReport(
                f"step {step} is beyond the last of trial {self.trial.number}, {self.trial.max_steps}: "
                "make the epochs of all its fits together trial.max_steps"
            )
        self._check_new(step)
        self._under_way = step

    def _begin(self) -> None:
        if num_distrib() > 1:
            raise TrainingError(
                f"the training runs in {num_distrib()} processes, each of which would lease trials of its own: "
                "start one process, or train with Accelerate"
            )
        if not hasattr(self.learn, "recorder"):
            raise TrainingError("the Learner measures nothing: leave default_cbs as it is, or add fastai's Recorder")
        self._reports.begin()
        if self._files is not None and self._done_before:
            raise TrainingError("checkpoints go with one fit: leave checkpoints out, or train the trial in one")
        if self.learn.epoch < self.start_epoch:
            raise TrainingError(
                f"trial {self.trial.number} goes on after epoch {self.start_epoch}: "
                "pass start_epoch=callback.start_epoch to fit"
            )
        if self._kept is not None:
            set_state(self.learn, self._kept)
            self._kept = None
        self._fitting = True

    def after_batch(self) -> None:
        """For fastai."""
        if self.learn.training and self._under_way is not None and self._reports.interrupted():
            raise CancelFitException

    def after_validate(self) -> None:
        """For fastai. Here and not after the epoch, where callbacks that stop early would be before it."""
        step = self._under_way
        if step is None:
            return
        value = read_metric(self._measured(), self.monitor, where=f"in step {step}", remedy=self._remedy())
        self._report(step, value, checkpoint=True)

    def after_epoch(self) -> None:
        """For fastai."""
        if self._reports.ended:
            raise CancelFitException

    def after_cancel_fit(self) -> None:
        """For fastai. What ends a training whose loss is not finite does so within an epoch."""
        if self._under_way is None or self._reports.ended:
            return
        loss = float(self.learn.loss.detach())
        if not math.isfinite(loss):
            self._report(self._under_way, loss, checkpoint=False)

    def after_fit(self) -> None:
        """For fastai."""
        if self._fitting:
            self._fitting, self._under_way = False, None
            self._done_before = self._done
            self._reports.end()

    def _measured(self) -> dict[str, Any]:
        recorder = self.learn.recorder
        named = zip(recorder.metric_names[1:], recorder.log[1:], strict=False)  # The first is the epoch's number.
        return {name: value for name, value in named if value is not None}

    def _remedy(self) -> str:
        if self.monitor == "valid_loss":
            return "give the DataLoaders validation data, or name one of these as monitor"
        return "name one of these as monitor, or give the Learner the metric"

    def _report(self, step: int, value: Any, *, checkpoint: bool) -> None:
        self._check_new(step)
        self._under_way, self._done = None, step
        self._reports.report(step, value, self._saving(step) if checkpoint else None)

    def _check_new(self, step: int) -> None:
        self._reports.begin_step(step, "train a trial with one TrialCallback, in fits that go on from each other")

    def _saving(self, epoch: int) -> Callable[[], str | None] | None:
        files = self._files
        return None if files is None else lambda: files.save(epoch, state_of(self.learn, epoch))
