"""The checkpoints of a trial, whether one process trains it or several: all have the same names for them."""

from pathlib import Path

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.state.places.place import Place
from lrtune.trainers.state.resumed import resumed_name
from lrtune.trainers.state.trial_files import TrialFiles


def trial_prefix(
    trial: LeasedTrial | SharedTrial, folder: str | Path | Place, *, keep: bool = False, of_best: bool = True
) -> str:
    """What their names begin with, as of `TrialFiles`, which sees to the files' end; of a shared trial on rank 0."""

    def named(one: LeasedTrial) -> str:
        return TrialFiles(one, folder, keep=keep, of_best=of_best).prefix

    return str(trial.on_first("checkpoints", named)) if isinstance(trial, SharedTrial) else named(trial)


def shared_resumed_name(trial: LeasedTrial | SharedTrial, place: Place) -> str | None:
    """As `resumed_name`; of a shared trial what rank 0 found whole."""
    if not isinstance(trial, SharedTrial):
        return resumed_name(trial, place)
    found: str | None = trial.on_first("resume", lambda one: resumed_name(one, place))
    return found
