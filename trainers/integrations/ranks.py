"""A framework's training in several processes, and the trial that they share."""

from typing import Any

from lrtune.trainers.errors import TrainingError


def check_ranks(trial: Any, world_size: int, alone: str) -> None:
    """Raises TrainingError where `world_size` processes train a trial that only one of them has, or the reverse.

    `alone` is what trains in one process.
    """
    sharing = getattr(trial, "ranks", 1)
    if world_size == sharing:
        return
    if sharing == 1:
        raise TrainingError(
            f"the training runs in {world_size} processes, each of which would lease trials of its own: start them "
            f"with torchrun and take the trial from lrtune.distributed.leases, or use {alone}"
        )
    raise TrainingError(
        f"trial {trial.number} is shared by {sharing} processes, and the training runs in {world_size}: let it take "
        "all that torchrun started"
    )
