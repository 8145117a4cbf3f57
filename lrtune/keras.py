"""Keras 3 with lrtune: `pip install 'lrtune[keras]'`, and KERAS_BACKEND=torch."""

from lrtune.trainers.integrations.keras.callback import TrialCallback
from lrtune.trainers.integrations.keras.range_test import range_test
from lrtune.trainers.integrations.keras.schedule import ScheduledLearningRate

__all__ = ["ScheduledLearningRate", "TrialCallback", "range_test"]
