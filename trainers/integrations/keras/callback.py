"""The callback that trains a leased trial with `model.fit`.

for trial in study.leases(resumable=True):
    with trial:
        model = build(trial.params["learning_rate"])
        callback = TrialCallback(trial, checkpoints="/shared/checkpoints")
        model.fit(x, y, validation_split=0.2, epochs=trial.max_steps,
                  initial_epoch=callback.initial_epoch, callbacks=[callback])
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lrtune.trainers.checks import at_least
from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.epoch_files import EpochFiles
from lrtune.trainers.integrations.keras.framework import keras, require_torch
from lrtune.trainers.integrations.keras.variables import set_state, state_of
from lrtune.trainers.integrations.reports import Reports, checked_trial, read_metric


class TrialCallback(keras.callbacks.Callback):
    """Reports `monitor` after each epoch, a step each, and ends the training where the service says so.

    Put it last among the callbacks: where the service has ended the training, `fit` ends as by `model.stop_training`,
    and raises TrialStopped, TrialPaused or LeaseLost at its very end, which `with trial:` takes quietly.

    `every`: only each such epoch, as `validation_freq` says of `fit`. `checkpoints`: a folder that every worker can
    read, to which the weights, the optimizer and the random state are written with each report; pass
    `initial_epoch=callback.initial_epoch` to `fit`, to go on from there where a trial is taken up again. They are
    removed when the trial is over, the last one of the study's best trial aside, unless `keep_checkpoints`.

    Training raises InvalidReport where the epoch's logs lack `monitor` and where steps would be reported again,
    TrialNotOpen outside `with trial:`, TrainingError for the checkpoint of another model.
    """

    async_safe = True
    """For Keras: what is done after a batch may be done in another thread."""

    def __init__(
        self,
        trial: LeasedTrial,
        monitor: str = "val_loss",
        *,
        every: int = 1,
        checkpoints: str | Path | None = None,
        keep_checkpoints: bool = False,
    ) -> None:
        super().__init__()
        if checkpoints is not None:
            require_torch("a checkpoint")
        self.trial = checked_trial(trial)
        self.monitor = monitor
        self._every = at_least("every", every, 1)
        self._files = None if checkpoints is None else EpochFiles(trial, checkpoints, keep=keep_checkpoints)
        self._reports = Reports(trial, monitor)
        self._state = None if self._files is None else self._files.state()
        self.initial_epoch: int = 0 if self._state is None else self._state["epoch"]
        """The epochs that are trained already: what `fit` begins with."""

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reports.begin()
        if self._state is not None:
            set_state(self.model, self._state)
            self._state = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if epoch < self.initial_epoch:
            raise TrainingError(
                f"trial {self.trial.number} goes on after epoch {self.initial_epoch}: "
                "pass initial_epoch=callback.initial_epoch to fit"
            )
        self._check_new(epoch + 1)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._reports.interrupted():
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._reports.ended or (epoch + 1) % self._every:
            return
        step = epoch + 1
        self._check_new(step)
        value = read_metric(logs, self.monitor, where=f"in epoch {step}", remedy=self._remedy())
        self._reports.report(step, value, self._saving(step))
        if self._reports.ended:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._reports.end()

    def _check_new(self, step: int) -> None:
        self._reports.begin_step(step, "call fit once with one TrialCallback, or go on with fit(initial_epoch=…)")

    def _remedy(self) -> str:
        if self.monitor.startswith("val_"):
            return (
                "give fit validation_data=… or validation_split=…, TrialCallback(every=…) where it has "
                "validation_freq=…, or monitor='loss'"
            )
        return "name one of these as monitor, or give compile the metric"

    def _saving(self, epoch: int) -> Callable[[], str | None] | None:
        files = self._files
        return None if files is None else lambda: files.save(epoch, state_of(self.model, epoch))
