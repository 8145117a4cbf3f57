"""The callback that trains a leased trial with Hugging Face's `Trainer`.

for trial in study.leases(anneals=True):
    with trial:
        arguments = TrainingArguments(
            learning_rate=trial.params["learning_rate"], num_train_epochs=trial.max_steps, eval_strategy="epoch"
        )
        Trainer(model(), arguments, callbacks=[TrialCallback(trial)], …).train()
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.integrations.huggingface.framework import transformers
from lrtune.trainers.integrations.ranks import check_ranks
from lrtune.trainers.integrations.reports import Reports, checked_trial, read_metric
from lrtune.trainers.state.places.addresses import path_of, shown
from lrtune.trainers.state.resumed import begins_anew

_ROUNDING = 1e-9

logger = logging.getLogger(__name__)


class TrialCallback(transformers.TrainerCallback):
    """Reports `monitor` after each evaluation, and ends the training where the service says so.

    The trial's `max_steps` are the whole training, however many optimizer steps or epochs that is: an evaluation at
    three quarters of the optimizer steps is step 9 of 12. Without `max_steps` the evaluations are counted. Where
    several fall into one step, the first is reported.

    Where the service has ended the training, it ends by `control.should_training_stop`, and `train` raises
    TrialStopped, TrialPaused or LeaseLost at its very end, which `with trial:` takes quietly.

    `checkpoints`: the service is told of those that the Trainer writes, in `output_dir`, which must be one of this
    trial alone that every worker can read; pass `resume_from_checkpoint=callback.resume_from_checkpoint` to `train`,
    to go on from there where a trial is taken up again.

    Training raises InvalidReport where evaluations lack `monitor` and where steps would be reported again, TrialNotOpen
    outside `with trial:`, TrainingError without evaluations, and where several processes train a trial that only one of
    them has.

    In several processes, which torchrun started, every rank makes its callback of the trial that
    `lrtune.distributed.leases` gave it; all end after the same step.
    """

    def __init__(
        self, trial: LeasedTrial | SharedTrial, monitor: str = "eval_loss", *, checkpoints: bool = False
    ) -> None:
        self.trial = checked_trial(trial)
        self.monitor = monitor
        self._checkpoints = checkpoints
        self._reports = Reports(trial, monitor)
        self._training = False
        self._evaluations = 0
        self._reported = 0
        self._lacking: Mapping[str, Any] | None = None
        self.resume_from_checkpoint: str | None = self._found()
        """The checkpoint with which `train` goes on; None begins."""

    def _found(self) -> str | None:
        """The checkpoint there is. One that cannot be read means: from the start."""
        resume = self.trial.resume
        if resume is None or not self._checkpoints:
            return None
        try:
            folder = path_of(resume.uri)
        except TrainingError as error:
            begins_anew(self.trial, error)
            return None
        if not (folder / "trainer_state.json").is_file():
            begins_anew(self.trial, TrainingError(f"there is no checkpoint {shown(folder)}"))
            return None
        return str(folder)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        check_ranks(self.trial, args.world_size, "one process")
        if args.eval_strategy == "no":
            raise TrainingError("there is nothing to report: give TrainingArguments eval_strategy='epoch' or 'steps'")
        if self.resume_from_checkpoint is not None and state.global_step == 0:
            raise TrainingError(
                f"trial {self.trial.number} goes on from a checkpoint: "
                "pass resume_from_checkpoint=callback.resume_from_checkpoint to train"
            )
        self._reports.begin()
        self._training, self._lacking = True, None
        self._evaluations = self.trial.resume.step if self.trial.resume and state.global_step else 0
        self._reported = self._step(state)
        self._check_new(self._reported + 1)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._check_measured(state)
        if self._reports.interrupted():
            self._stop(control)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any], **_: Any) -> None:
        if not self._training or self._reports.ended:
            return
        if self.monitor not in metrics:  # It may be one of another data set's, whose turn is next.
            self._lacking = {**(self._lacking or {}), **metrics}
            return
        self._lacking = None
        self._evaluations += bool(state.global_step)
        step = self._step(state)
        if step <= self._reported:
            return
        self._check_new(step)
        self._reported = step
        self._reports.report(step, metrics[self.monitor])
        if self._reports.ended:
            self._stop(control)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._training and self._checkpoints:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            self.trial.checkpoint(folder.resolve().as_uri(), self._step(state))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._check_measured(state)
        self._training = False
        self._reports.end()

    def _step(self, state: Any) -> int:
        """How many of the trial's steps are trained."""
        if self.trial.max_steps is None:
            return self._evaluations
        return int(self.trial.max_steps * state.global_step / max(state.max_steps, 1) + _ROUNDING)

    def _stop(self, control: Any) -> None:
        control.should_training_stop = True
        control.should_save = control.should_save or self._checkpoints  # For who takes the trial up again.

    def _check_new(self, step: int) -> None:
        self._reports.begin_step(step, "call train once with one TrialCallback")

    def _check_measured(self, state: Any) -> None:
        """Raises InvalidReport where the last evaluation lacked what is to be reported."""
        if self._lacking is not None and not self._reports.ended:
            where = f"up to epoch {state.epoch:.3g}"
            read_metric(self._lacking, self.monitor, where=where, remedy="name one of these as monitor")
