"""XGBoost with lrtune: `pip install 'lrtune[xgboost]'`."""

from lrtune.trainers.integrations.xgboost import TrialCallback

__all__ = ["TrialCallback"]
