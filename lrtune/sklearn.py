"""For scikit-learn: `from lrtune.sklearn import LearningRateSearchCV`. Needs the extra `lrtune[sklearn]`."""

from lrtune.trainers.integrations.extras import needs

with needs("sklearn"):
    from lrtune.trainers.integrations.sklearn import LearningRateSearchCV

__all__ = ["LearningRateSearchCV"]
