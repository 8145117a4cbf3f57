"""TensorBoard with lrtune: `pip install 'lrtune[tensorboard]'`."""

from lrtune.trainers.integrations.trackers.tensorboard import Tracker

__all__ = ["Tracker"]
