"""Trains the candidates of a search fold by fold; a fold is a step.

The mean over the folds so far is reported, not the score of each: two candidates are then compared on the same folds,
and a candidate that is stopped leaves a value that a sampler may rest on, where that of the last fold says as much of
the fold as of the candidate.
"""

import math
import warnings
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import cross_validate

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import LeaseLost, TrialStopped
from lrtune.trainers.integrations.sklearn.results import Candidate, Fold, Outcome
from lrtune.trainers.tasks.cross_validation import CrossValidation

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to train on, and rows to score on."""

MOST_FAILURES = 3
"""Where so many candidates could not be trained at all, and none could, more would only be wasted."""


class Folds:
    """An estimator, its data and folds, and what each candidate scored on them."""

    def __init__(
        self,
        estimator: Any,
        data: tuple[Any, Any],
        splits: list[Split],
        *,
        params: Mapping[str, Any],
        scoring: Any,
        error_score: float | str,
        max_trials: int,
    ) -> None:
        self._estimator = estimator
        self._data = data
        self._splits = splits
        self._params = params
        self._scoring = scoring
        self._error_score = error_score
        self._by_trial: dict[int, Candidate] = {}
        self._failures, self._most_failures = 0, min(MOST_FAILURES, max_trials)
        self._trained_any = False

    @property
    def candidates(self) -> list[Candidate]:
        """All that were trained, in the order in which they were drawn."""
        return [self._by_trial[number] for number in sorted(self._by_trial)]

    def train(self, trial: LeasedTrial) -> None:
        """Trains an open trial on one fold after another. Raises TrialStopped where the service ends it.

        What the estimator raises is raised where `error_score` is "raise", or no candidate so far could be trained.
        """
        estimator = clone(self._estimator).set_params(**trial.params)
        trained: list[Fold] = []
        outcome: Outcome = "complete"
        try:
            for split in self._splits:
                trained.append(self._fold(estimator, split))
                trial.report(len(trained), CrossValidation(tuple(fold.score for fold in trained)).mean)
        except TrialStopped as stopped:
            outcome = cast(Outcome, stopped.reason)
            raise
        except LeaseLost:
            outcome = "lost"
            raise
        finally:
            if trained:
                self._by_trial[trial.number] = Candidate(dict(trial.params), tuple(trained), outcome)
        done = CrossValidation(tuple(fold.score for fold in trained))
        trial.complete(done.mean, standard_error=done.standard_error)

    def _fold(self, estimator: Any, split: Split) -> Fold:
        try:
            scores = cross_validate(
                estimator,
                *self._data,
                cv=[split],
                scoring=self._scoring,
                params=self._params,
                error_score="raise",
            )
        except Exception as error:
            if self._error_score == "raise":
                raise
            return self._failed(error)
        self._trained_any = True
        return Fold(float(scores["test_score"][0]), float(scores["fit_time"][0]), float(scores["score_time"][0]))

    def _failed(self, error: Exception) -> Fold:
        """What counts for a fold whose training raised `error`."""
        self._failures += 1
        if not self._trained_any and self._failures == self._most_failures:
            error.add_note(
                f"none of the first {self._failures} candidates could be trained: mend the estimator or the data, or "
                "search elsewhere (search_space)"
            )
            raise error
        told = f"a fold failed, and its score is {self._error_score}: {type(error).__name__}: {error}"
        warnings.warn(told, FitFailedWarning, stacklevel=2)
        return Fold(float(self._error_score), math.nan, math.nan)
