"""`cv_results_` as scikit-learn's own searches have it, of candidates that may have been stopped after some folds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["complete", "pruned", "diverged", "study_finished", "lost"]


@dataclass(frozen=True)
class Fold:
    """One training and its score, greater is better; not finite where it diverged or failed."""

    score: float
    fit_seconds: float
    score_seconds: float


@dataclass(frozen=True)
class Candidate:
    """A choice of parameters, and the folds on which it was trained, in order."""

    params: Mapping[str, Any]
    folds: tuple[Fold, ...]
    outcome: Outcome


def tabulated(candidates: Sequence[Candidate], splits: int) -> dict[str, Any]:
    """Arrays of one value a candidate: `split0_test_score` … , their mean and standard deviation, times in seconds,
    `params`, a masked `param_…` for each parameter, `outcome`, and `rank_test_score`, 1 for the best.

    A fold that was not trained is nan; and so is the mean of a candidate that was not trained on all of the `splits`
    folds, since folds differ. Those have the last rank.
    """
    table: dict[str, Any] = {}
    for key, read in _TIMES.items():
        seconds = [[read(fold) for fold in candidate.folds] or [np.nan] for candidate in candidates]
        table[f"mean_{key}"] = np.array([np.mean(row) for row in seconds])
        table[f"std_{key}"] = np.array([np.std(row) for row in seconds])
    for name in sorted({name for candidate in candidates for name in candidate.params}):
        table[f"param_{name}"] = _masked([candidate.params for candidate in candidates], name)
    table["params"] = [dict(candidate.params) for candidate in candidates]
    scores = np.full((len(candidates), splits), np.nan)
    for row, candidate in zip(scores, candidates, strict=True):
        row[: len(candidate.folds)] = [fold.score for fold in candidate.folds]
    table |= {f"split{fold}_test_score": scores[:, fold] for fold in range(splits)}
    complete = np.array([candidate.outcome == "complete" for candidate in candidates])
    table["mean_test_score"] = _of_complete(scores, complete, np.mean)
    table["std_test_score"] = _of_complete(scores, complete, np.std)
    table["rank_test_score"] = _ranks(table["mean_test_score"])
    table["outcome"] = np.array([candidate.outcome for candidate in candidates])
    return table


_TIMES: dict[str, Callable[[Fold], float]] = {
    "fit_time": lambda fold: fold.fit_seconds,
    "score_time": lambda fold: fold.score_seconds,
}


def _masked(params: Sequence[Mapping[str, Any]], name: str) -> np.ma.MaskedArray[Any, Any]:
    """The values of one parameter, masked where a candidate does not have it."""
    given = [one[name] for one in params if name in one]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    values = np.ma.MaskedArray(np.empty(len(params), np.asarray(given).dtype if numeric else object), mask=True)
    for place, one in enumerate(params):
        if name in one:
            values[place] = one[name]
    return values


def _of_complete(
    scores: NDArray[np.float64], complete: NDArray[np.bool_], of: Callable[..., Any]
) -> NDArray[np.float64]:
    found = np.full(len(scores), np.nan)
    found[complete] = of(scores[complete], axis=1)
    return found


def _ranks(means: NDArray[np.float64]) -> NDArray[np.int32]:
    """From 1, equal ones alike; those without a mean come last."""
    values = np.where(np.isnan(means), -np.inf, means)
    return np.array([1 + np.count_nonzero(values > value) for value in values], dtype=np.int32)
