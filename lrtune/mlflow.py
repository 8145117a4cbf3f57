"""MLflow with lrtune: `pip install 'lrtune[mlflow]'`."""

from lrtune.trainers.integrations.trackers.mlflow import Tracker

__all__ = ["Tracker"]
