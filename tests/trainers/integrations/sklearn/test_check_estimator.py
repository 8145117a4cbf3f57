"""scikit-learn's own checks of estimators, on a search."""

from collections.abc import Callable
from typing import Any

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from lrtune.sklearn import LearningRateSearchCV

SEARCHES = [
    LearningRateSearchCV(
        estimator, {name: {"type": "float", "low": 0.1, "high": 10.0, "log": True}}, max_trials=2, cv=2, random_state=0
    )
    for estimator, name in ((Ridge(), "alpha"), (LogisticRegression(), "C"))
]


@parametrize_with_checks(SEARCHES)
def test_a_search_is_an_estimator_as_scikit_learn_has_them(
    estimator: Any, check: Callable[[Any], None], address: str
) -> None:
    check(estimator.set_params(client=address))
