"""Accelerate with lrtune: `pip install 'lrtune[accelerate]'`."""

from lrtune.trainers.integrations.accelerate.leases import leases
from lrtune.trainers.integrations.accelerate.shared_trial import SharedTrial

__all__ = ["SharedTrial", "leases"]
