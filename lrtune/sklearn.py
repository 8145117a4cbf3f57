"""scikit-learn with lrtune: `pip install 'lrtune[sklearn]'`."""

from lrtune.trainers.integrations.sklearn.search import LearningRateSearchCV

__all__ = ["LearningRateSearchCV"]
