"""What an estimator that refits another one answers by that: predictions, transformations, scores, tags."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def _has(name: str) -> Callable[["Refitted"], bool]:
    """Whether the best estimator, or the one that it will be a copy of, has that; an AttributeError else."""

    def check(search: "Refitted") -> bool:
        getattr(getattr(search, "best_estimator_", search.estimator), name)
        return True

    return check


class Refitted(MetaEstimatorMixin, BaseEstimator):
    """Base of searches: `best_estimator_` is a copy of `estimator` with what was found, fitted where `refit` asks for
    it. Each method raises NotFittedError before that."""

    estimator: Any
    scoring: Any
    cv: Any
    refit: bool

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in (
            "estimator_type",
            "classifier_tags",
            "regressor_tags",
            "transformer_tags",
            "target_tags",
            "input_tags",
        ):
            setattr(tags, name, deepcopy(getattr(inner, name)))
        return tags

    def get_metadata_routing(self) -> Any:
        """Where what is passed to `fit` and `score` goes: estimator, splitter, scorer."""
        scoring = MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score")
        return (
            MetadataRouter(owner=self)
            .add(estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit"))
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(scorer=check_scoring(self.estimator, scoring=self.scoring), method_mapping=scoring)
        )

    def _best(self) -> Any:
        if not self.refit:
            raise NotFittedError(
                "refit is False, so that no estimator is fitted: set refit=True, or fit one with best_params_"
            )
        check_is_fitted(self, "best_estimator_")
        return self.best_estimator_

    @property
    def classes_(self) -> Any:
        """Of a classifier, once it is fitted."""
        return self._best().classes_

    @property
    def n_features_in_(self) -> int:
        """Seen in `fit`."""
        try:
            return int(self._best().n_features_in_)
        except NotFittedError as error:
            raise AttributeError(str(error)) from error

    def score(self, X: Any, y: Any = None, **params: Any) -> float:  # noqa: N803
        """By `scoring`, greater is better."""
        best = self._best()
        return float(self.scorer_(best, X, y, **params))

    @available_if(_has("predict"))
    def predict(self, X: Any) -> Any:  # noqa: N803
        return self._best().predict(X)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return self._best().predict_proba(X)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Any) -> Any:  # noqa: N803
        return self._best().predict_log_proba(X)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any) -> Any:  # noqa: N803
        return self._best().decision_function(X)

    @available_if(_has("score_samples"))
    def score_samples(self, X: Any) -> Any:  # noqa: N803
        return self._best().score_samples(X)

    @available_if(_has("transform"))
    def transform(self, X: Any) -> Any:  # noqa: N803
        return self._best().transform(X)

    @available_if(_has("inverse_transform"))
    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        return self._best().inverse_transform(X)
