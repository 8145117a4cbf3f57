"""LightGBM with lrtune: `pip install 'lrtune[lightgbm]'`."""

from lrtune.trainers.integrations.lightgbm import TrialCallback

__all__ = ["TrialCallback"]
