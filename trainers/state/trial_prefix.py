"""What the names of a trial's checkpoints begin with, whether one process trains it or several."""

from pathlib import Path

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.state.trial_files import TrialFiles


def trial_prefix(
    trial: LeasedTrial | SharedTrial, folder: str | Path, *, keep: bool = False, of_best: bool = True
) -> str:
    """As of `TrialFiles`, which sees to the files' end; of a shared trial on rank 0, and the same on all."""
    if isinstance(trial, SharedTrial):
        return str(
            trial.on_first("checkpoints", lambda one: TrialFiles(one, folder, keep=keep, of_best=of_best).prefix)
        )
    return TrialFiles(trial, folder, keep=keep, of_best=of_best).prefix
