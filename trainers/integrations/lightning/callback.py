"""The callback that trains a leased trial with Lightning's `Trainer`.

for trial in study.leases(resumable=True):
    with trial:
        callback = TrialCallback(trial, checkpoints="/shared/checkpoints")
        trainer = Trainer(max_epochs=trial.max_steps, callbacks=[callback])
        trainer.fit(Net(trial.params["learning_rate"]), data, ckpt_path=callback.ckpt_path)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.lightning.framework import lightning
from lrtune.trainers.integrations.lightning.hooks import leave_out_unused_hooks
from lrtune.trainers.integrations.ranks import check_ranks
from lrtune.trainers.integrations.reports import Reports, checked_trial, read_metric
from lrtune.trainers.state.places.local import LocalFolder
from lrtune.trainers.state.places.opened import place_of
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.state.random_state import random_state, set_random_state
from lrtune.trainers.state.shared_files import shared_resumed_name, trial_prefix
from lrtune.trainers.state.trial_files import step_of

KEEP = 2
"""Checkpoints: the newest, and one more, which a service may still point to."""


class TrialCallback(lightning.pytorch.Callback):
    """Reports `monitor` after each validation, a step each, and ends the training where the service says so.

    Where there is no validation, it reports after each epoch what `training_step` logs. Where the service has ended the
    training, it ends by `trainer.should_stop`, and `fit` raises TrialStopped, TrialPaused or LeaseLost at its very end,
    which `with trial:` takes quietly.

    `checkpoints`: a folder or a URI that every worker can read, to which Lightning's own checkpoint and the random
    state are written with each report; pass `ckpt_path=callback.ckpt_path` to `fit`, to go on from there where a trial
    is taken up again. They are removed when the trial is over, the last one of the study's best trial aside, unless
    `keep_checkpoints`.

    Training raises InvalidReport where `monitor` is not logged and where steps would be reported again, TrialNotOpen
    outside `with trial:`, TrainingError where several processes train a trial that only one of them has.

    In several processes, which torchrun started, every rank makes its callback of the trial that
    `lrtune.distributed.leases` gave it; all end after the same step. `monitor` is rank 0's: log it with
    `sync_dist=True`.
    """

    def __init__(
        self,
        trial: LeasedTrial | SharedTrial,
        monitor: str = "val_loss",
        *,
        checkpoints: str | Path | None = None,
        keep_checkpoints: bool = False,
    ) -> None:
        super().__init__()
        self.trial = checked_trial(trial)
        self.monitor = monitor
        self._place = None if checkpoints is None else place_of(checkpoints)
        self._prefix = "" if self._place is None else trial_prefix(trial, self._place, keep=keep_checkpoints)
        self._written: list[str] = []
        self._expected: int | None = None
        self._reports = Reports(trial, monitor)
        self._step = 0
        self._random: dict[str, Any] | None = None
        self.ckpt_path: str | None = self._found()
        """The checkpoint with which `fit` goes on; None begins."""

    def _found(self) -> str | None:
        """The checkpoint there is. One that cannot be used means: the one before, or from the start."""
        if self._place is None:
            return None
        name = shared_resumed_name(self.trial, self._place)
        if name is None:
            return None
        self._expected = step_of(name)
        return _place_of_lightning(self._place, name)

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if stage != "fit":
            return
        leave_out_unused_hooks(self)
        check_ranks(self.trial, trainer.world_size, "Trainer(devices=1)")
        self._step, self._random = 0, None
        self._reports.begin()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if self._expected is not None and self._step != self._expected:
            raise TrainingError(
                f"trial {self.trial.number} goes on after step {self._expected}, not {self._step}: "
                "pass ckpt_path=callback.ckpt_path to fit"
            )
        self._check_new()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        if self._random is not None and trainer.is_global_zero:  # Whose it is; the others' noise is another.
            set_random_state(self._random)
        self._random = None

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._reports.interrupted():
            trainer.should_stop = True

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.sanity_checking and trainer.state.fn == "fit":
            self._report(trainer)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.enable_validation:
            self._report(trainer)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        if stage == "fit":
            self._reports.end()

    def state_dict(self) -> dict[str, Any]:
        """What Lightning keeps of it in a checkpoint."""
        return {"step": self._step, "random": random_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from there."""
        self._step, self._random = state_dict["step"], state_dict["random"]

    def _report(self, trainer: Any) -> None:
        if self._reports.ended:
            return
        self._check_new()
        where = f"up to epoch {trainer.current_epoch + 1}"
        remedy = "log it in validation_step, or name one of these as monitor"
        value = read_metric(trainer.callback_metrics, self.monitor, where=where, remedy=remedy)
        self._step += 1
        self._reports.report(self._step, value, None if self._place is None else lambda: self._save(trainer))
        if self._reports.ended:
            trainer.should_stop = True

    def _check_new(self) -> None:
        self._reports.begin_step(self._step + 1, "call fit once, with one TrialCallback in one Trainer")

    def _save(self, trainer: Any) -> str:
        place = self._place
        assert place is not None
        name = f"{self._prefix}-step-{self._step}.ckpt"
        trainer.save_checkpoint(_place_of_lightning(place, name))
        self._written.append(name)
        for old in self._written[:-KEEP]:
            if trainer.is_global_zero:
                place.remove(old)
        del self._written[:-KEEP]
        return place.uri(name)


def _place_of_lightning(place: Place, name: str) -> str:
    """Lightning speaks to object stores by fsspec itself."""
    return str(place.path / name) if isinstance(place, LocalFolder) else place.uri(name)
