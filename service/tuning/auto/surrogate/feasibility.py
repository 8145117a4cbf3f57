"""How likely a training is to come through, by all of its parameters: neither diverge nor fail.

Logistic regression on each column and its square, so that a wall may stand across any column or between several (a
rate over 1 − momentum, a width times a batch size). Each weight has a variance of its own, which the evidence sets:
what does not matter is left out (automatic relevance determination: MacKay 1992, "The evidence framework applied to
classification networks"; Bishop 2006, section 7.2.3). Odds are those of the mode: far inside a region that trains,
outcomes say little of how large a weight is, and averaged over that doubt no place would be safe.

How well the parameters explain the outcomes, beyond what so many weights would explain by chance (ρ, the root of the
adjusted ρ² of McFadden 1974), is how far it is believed: where trainings fail whatever their parameters, as by a
mistake in a script, no point is preferred to any other.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit

from lrtune.service.tuning.auto.evidence import Bools, Floats

_FIRST_PRECISION, _LEAST_PRECISION, _MOST_PRECISION = 0.1, 0.002, 1e4
"""Of a weight, on columns that go from −1 to 1; of the constant the least."""

_ROUNDS, _NEWTON_STEPS = 5, 4
_LARGEST_STEP = 4.0
"""In log odds, so that Newton's method does not overshoot where the outcomes can be separated."""

_LEAST_REQUIRED = 0.5


@dataclass(frozen=True)
class Feasibility:
    """The most probable `weights` (f,), how far they are `believed` (0 to 1), the `share` of the trainings that came
    through whatever their parameters, and how many did not."""

    weights: Floats
    believed: float
    share: float
    lost: int

    def probable(self, points: Floats) -> Floats:
        """P(a training comes through) at points (m, columns), shape (m,): as far as the weights are not believed, the
        same everywhere."""
        if self.believed <= 0.0:
            return np.full(len(points), self.share)
        found: Floats = self.believed * expit(_features(points) @ self.weights) + (1.0 - self.believed) * self.share
        return found

    def allowed(self, probable: Floats) -> Bools:
        """Which points of those probabilities (m,) may be tried: as likely as the likeliest but for a part, which
        becomes less with each training that was lost, as far as the weights are believed. Shape (m,)."""
        required = self.believed * max(_LEAST_REQUIRED, 1.0 - 1.0 / (1.0 + self.lost))
        return np.asarray(probable >= required * probable.max(initial=0.0))


def feasibility(points: Floats, through: Bools) -> Feasibility:
    """The odds given the points (n, columns) of trainings that ended, and which of them came through (n,).

    Where none was lost, or all were, they are 1 everywhere: nothing tells one point from another."""
    lost = int((~through).sum())
    if not lost or lost == len(through):
        return Feasibility(np.zeros(0), 0.0, 1.0, lost)
    features = _features(points)
    weights = np.zeros(features.shape[1])
    precision = np.full(len(weights), _FIRST_PRECISION)
    precision[0] = _LEAST_PRECISION
    for _ in range(_ROUNDS):
        weights, variances = _most_probable(features, through, precision, weights)
        determined = np.clip(1.0 - precision * variances, 1e-6, 1.0)
        precision = np.clip(determined / np.maximum(weights**2, 1e-12), _LEAST_PRECISION, _MOST_PRECISION)
        precision[0] = _LEAST_PRECISION
    believed = _believed(features @ weights, through, float(determined[1:].sum()))
    return Feasibility(weights, believed, float(through.mean()), lost)


def _features(points: Floats) -> Floats:
    """A constant, each column from −1 to 1 and its square less its mean, shape (m, 1 + 2 columns)."""
    shown = 2.0 * points - 1.0
    return np.concatenate([np.ones((len(points), 1)), shown, shown**2 - 1.0 / 3.0], axis=1)


def _most_probable(features: Floats, through: Bools, precision: Floats, start: Floats) -> tuple[Floats, Floats]:
    """The weights (f,), by Newton's method from `start`, and their variances there (f,), by Laplace's approximation."""
    weights = start
    for _ in range(_NEWTON_STEPS):
        probability = expit(features @ weights)
        hessian = (features.T * (probability * (1.0 - probability))) @ features + np.diag(precision)
        factor = cho_factor(hessian, lower=True, check_finite=False)
        step = cho_solve(factor, features.T @ (through - probability) - precision * weights, check_finite=False)
        weights = weights + step * min(1.0, _LARGEST_STEP / max(float(np.abs(features @ step).max()), 1e-12))
    return weights, np.diag(cho_solve(factor, np.eye(len(weights)), check_finite=False))


def _believed(odds: Floats, through: Bools, weights: float) -> float:
    """The root of McFadden's ρ² of these log odds (n,), adjusted for so many weights, at least 0."""
    share = float(through.mean())
    alone = len(through) * (share * np.log(share) + (1.0 - share) * np.log(1.0 - share))
    explained = float(log_expit(np.where(through, odds, -odds)).sum())
    return float(np.sqrt(np.clip(1.0 - (explained - weights) / alone, 0.0, 1.0)))
