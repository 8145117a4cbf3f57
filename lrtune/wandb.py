"""W&B with lrtune: `pip install 'lrtune[wandb]'`."""

from lrtune.trainers.integrations.trackers.wandb import Tracker

__all__ = ["Tracker"]
