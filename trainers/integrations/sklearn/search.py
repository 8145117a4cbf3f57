"""scikit-learn: cross-validated search whose candidates come from a study, and whose folds are its steps."""

import math
import time
from collections.abc import Mapping
from typing import Any, Self
from uuid import uuid4

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import process_routing

from lrtune.trainers.client.client import Client
from lrtune.trainers.client.study import StudyHandle
from lrtune.trainers.integrations.sklearn.engine import opened
from lrtune.trainers.integrations.sklearn.folds import Folds, Split
from lrtune.trainers.integrations.sklearn.refitted import Refitted
from lrtune.trainers.integrations.sklearn.results import tabulated
from lrtune.trainers.integrations.sklearn.space import Space, searched


class LearningRateSearchCV(Refitted):
    """Searches parameters of an estimator by cross-validation, its learning rate first of all, and refits the best.

    Used as GridSearchCV is. The candidates are the trials of a study, drawn one after another from what those before
    scored. A step of the study is a fold, and its value the mean score of the folds so far: a candidate that is worse
    on the same folds than half of the others is stopped, and one whose score is not finite has diverged.

    - `search_space`: the estimator's parameters by name, `step__parameter` in a pipeline. Each is a list of choices, or
      a dict as a study has it, `{"type": "float", "low": 1e-4, "high": 1.0, "log": True}`. None: the estimator's
      learning rate alone, from 1e-6 to 1.
    - `learning_rate`: which of them is the learning rate. None: the one called `learning_rate`, `learning_rate_init`,
      `eta0`, `eta` or `lr`, in a pipeline after the last `__`. There need not be one.
    - `max_trials`: the candidates.
    - `scoring`: a scorer's name or a scorer, greater is better; None for the estimator's own `score`.
    - `cv`: folds as in GridSearchCV. They are the same for all candidates.
    - `refit`: whether the best is trained again on all data, for `predict` and the like.
    - `error_score`: the score of a fold whose training raises an exception; nan counts as diverged. "raise" lets the
      exception pass, and so does a search of which no candidate could be trained.
    - `sampler`, `pruner`: as a study has them; `pruner="none"` trains all candidates on all folds. `random_state`: seed
      of the sampler; the same gives the same candidates.
    - `client`: a Client or a service's address, in whose studies the search is kept. None: the service that
      LRTUNE_SERVER names; without one the search runs in this process, and its study is gone after `fit`. That needs
      the extra `lrtune[service]`.
    - `verbose`: 1 shows on standard error what goes on.

    After `fit`: `best_params_`, `best_score_`, `best_index_`; `best_estimator_` and `refit_time_` in seconds where
    `refit`; `cv_results_` as GridSearchCV has it, with `outcome`: complete, pruned, diverged or lost; `n_splits_`,
    `scorer_`, `study_name_`; and `suggestion_`, what the study would train with: its rate does not rest on one
    candidate's luck.

    `fit` raises ValueError, which names the argument and the remedy; and what a Client raises.
    """

    def __init__(
        self,
        estimator: Any,
        search_space: Mapping[str, Any] | None = None,
        *,
        learning_rate: str | None = None,
        max_trials: int = 20,
        scoring: Any = None,
        cv: Any = None,
        refit: bool = True,
        error_score: float | str = math.nan,
        sampler: str | Mapping[str, Any] = "auto",
        pruner: str | Mapping[str, Any] = "median",
        random_state: Any = None,
        client: Client | str | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.search_space = search_space
        self.learning_rate = learning_rate
        self.max_trials = max_trials
        self.scoring = scoring
        self.cv = cv
        self.refit = refit
        self.error_score = error_score
        self.sampler = sampler
        self.pruner = pruner
        self.random_state = random_state
        self.client = client
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:  # noqa: N803
        """Searches, and refits the best. `params` go to the estimator's `fit`, `groups` to the splitter."""
        space = searched(self.estimator, self.search_space, self.learning_rate)
        self._check(y)
        self.scorer_ = check_scoring(self.estimator, scoring=self.scoring)
        X, y = indexable(X, y)  # noqa: N806
        fit_params, split_params = self._routed(params)
        splits = self._splits(X, y, split_params)
        self.n_splits_ = len(splits)
        folds = Folds(
            self.estimator,
            (X, y),
            splits,
            params=fit_params,
            scoring=self.scorer_,
            error_score=self.error_score,
            max_trials=self.max_trials,
        )
        with opened(self.client) as client:
            study = self._study(client, space)
            for trial in study.leases(progress=bool(self.verbose)):
                with trial:
                    folds.train(trial)
            self.suggestion_ = study.suggestion()
        self.study_name_ = study.name
        self._choose(folds)
        if self.refit:
            self._refit(X, y, fit_params)
        return self

    def _check(self, y: Any) -> None:
        if y is None and get_tags(self).target_tags.required:
            kind = type(self.estimator).__name__
            raise ValueError(f"y: {kind} requires y to be passed, but the target y is None: call fit(X, y)")
        if not isinstance(self.refit, bool | np.bool_):
            raise ValueError(f"refit: must be True or False, not {self.refit!r}")
        if self.error_score != "raise" and not isinstance(self.error_score, int | float):
            raise ValueError(f'error_score: must be a number or "raise", not {self.error_score!r}')
        if not (self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring)):
            raise ValueError("scoring: must be one scorer, or its name: a study has one metric")

    def _routed(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What of `params` goes to the estimator's `fit`, and what to the splitter."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            return {**routed.estimator.fit, **routed.scorer.score}, dict(routed.splitter.split)
        rest = dict(params)
        return rest, {"groups": rest.pop("groups", None)}

    def _splits(self, X: Any, y: Any, params: Mapping[str, Any]) -> list[Split]:  # noqa: N803
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        try:
            splits = list(cv.split(X, y, **params))
        except ValueError as error:
            raise ValueError(f"cv: {str(error).rstrip('.')}: give fewer folds, or more data") from error
        if not splits:
            raise ValueError("cv: has no folds: give two at least")
        return splits

    def _study(self, client: Client, space: Space) -> StudyHandle:
        kind = type(self.estimator).__name__
        sampler: dict[str, Any] = {"name": self.sampler} if isinstance(self.sampler, str) else dict(self.sampler)
        sampler.setdefault("seed", int(check_random_state(self.random_state).randint(2**31 - 1)))
        return client.create_study(
            f"{kind}-{uuid4().hex[:12]}"[-128:],
            search_space=space,
            direction="maximize",
            metric=self.scoring if isinstance(self.scoring, str) else "score",
            max_trials=self.max_trials,
            max_steps=self.n_splits_,
            sampler=sampler,
            pruner=self.pruner,
            prior="none",  # `random_state` settles the search, whatever other studies found.
            tags={"folds": str(self.n_splits_), "estimator": kind},
        )

    def _choose(self, folds: Folds) -> None:
        """Notes what was trained, and the best of it. Raises ValueError where no candidate was trained to its end."""
        self.cv_results_ = tabulated(folds.candidates, self.n_splits_)
        scores = self.cv_results_["mean_test_score"]
        if np.isnan(scores).all():
            raise ValueError(
                f"none of {len(scores)} candidates was trained on all folds: search lower learning rates "
                "(search_space), or more candidates (max_trials)"
            )
        self.best_index_ = int(np.nanargmax(scores))
        self.best_score_ = float(scores[self.best_index_])
        self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, params: Mapping[str, Any]) -> None:  # noqa: N803
        self.best_estimator_ = clone(self.estimator).set_params(**self.best_params_)
        begun = time.perf_counter()
        self.best_estimator_.fit(X, *(() if y is None else (y,)), **params)
        self.refit_time_ = time.perf_counter() - begun
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
