"""The checkpoints that a framework's callback writes after the epochs of a trial."""

from pathlib import Path
from typing import Any

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.state.checkpoints import Writer
from lrtune.trainers.state.resumed import resumed_state
from lrtune.trainers.state.trial_files import TrialFiles


class EpochFiles:
    """Those of one lease on `trial`, in `folder`, a path or a URI; they end as `TrialFiles` says."""

    def __init__(self, trial: LeasedTrial, folder: str | Path, *, keep: bool) -> None:
        self._trial = trial
        files = TrialFiles(trial, folder, keep=keep)
        self._place = files.place
        self._writer = Writer(files.place, files.prefix)

    def state(self) -> dict[str, Any] | None:
        """What the trial goes on from, `epoch` in it: the epochs that are trained. None for the start, also where no
        checkpoint can be used."""
        return resumed_state(self._trial, self._place, count="epoch")

    def save(self, epoch: int, state: dict[str, Any]) -> str | None:
        """Where `state` now lies; None where it could not be written, and one before was."""
        return self._writer.save(epoch, state)
