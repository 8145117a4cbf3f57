"""Accelerate with lrtune: `pip install 'lrtune[accelerate]'`."""

from lrtune.trainers.distributed.shared_trial import SharedTrial
from lrtune.trainers.integrations.accelerate.leases import leases

__all__ = ["SharedTrial", "leases"]
