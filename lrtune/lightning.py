"""Lightning with lrtune: `pip install 'lrtune[lightning]'`."""

from lrtune.trainers.integrations.lightning.callback import TrialCallback
from lrtune.trainers.integrations.lightning.range_test import range_test

__all__ = ["TrialCallback", "range_test"]
