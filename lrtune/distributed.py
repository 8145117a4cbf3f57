"""Trials that several processes train together, under torchrun or any launcher that sets RANK and WORLD_SIZE."""

from lrtune.trainers.distributed.leases import leases
from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.worker.ranked import run

__all__ = ["SharedTrial", "leases", "run"]
