"""The checkpoints that a framework's callback writes after the epochs of a trial."""

import logging
from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TrainingError
from lrtune.trainers.state import checkpoints
from lrtune.trainers.state.trial_files import TrialFiles

logger = logging.getLogger(__name__)


class EpochFiles:
    """Those of one lease on `trial`, in `folder`; they end as `TrialFiles` says."""

    def __init__(self, trial: LeasedTrial, folder: str | Path, *, keep: bool) -> None:
        self._trial = trial
        self._files = TrialFiles(trial, folder, keep=keep)

    def state(self) -> dict[str, Any] | None:
        """What the trial goes on from, `epoch` in it: the epochs that are trained. None for the start, also where the
        checkpoint cannot be read."""
        resume = self._trial.resume
        if resume is None:
            return None
        try:
            state = checkpoints.load(resume.uri)
            if state.get("epoch") != resume.step:
                raise TrainingError(f"it is of epoch {state.get('epoch')}, not {resume.step}")
        except TrainingError as error:
            logger.warning("trial %d is trained from the start: %s", self._trial.number, error)
            return None
        return state

    def save(self, epoch: int, state: dict[str, Any]) -> str:
        """Where `state` now lies."""
        return checkpoints.save(self._files.folder, self._files.prefix, epoch, state).resolve().as_uri()
