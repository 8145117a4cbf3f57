"""fastai with lrtune: `pip install 'lrtune[fastai]'`."""

from lrtune.trainers.integrations.fastai.callback import TrialCallback
from lrtune.trainers.integrations.fastai.range_test import range_test

__all__ = ["TrialCallback", "range_test"]
