"""What a tracker of your own offers, and what it is told: `study.tracking(tracker)`."""

from lrtune.trainers.tracking.tracker import Ending, Point, Run, TrackedStudy, TrackedTrial, Tracker

__all__ = ["Ending", "Point", "Run", "TrackedStudy", "TrackedTrial", "Tracker"]
