"""A Gaussian process over the unit cube: Matérn-5/2 with a length-scale for each coordinate, maximum a posteriori.

Rasmussen and Williams 2006, chapters 4 and 5. The mean is constant (generalised least squares), the amplitude is
integrated out, length-scales and noise have log-normal priors.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # Its optimize, a third of a second to import, is loaded when first used.
from scipy.linalg import cho_solve, cholesky, solve_triangular

from lrtune.service.tuning.auto.evidence import Floats, Ints

_SQRT5 = np.sqrt(5.0)
_AMPLITUDE_RUNS = 3.0
_NOISE_LOG = np.log(1e-3)
_NOISE_SD = 1.5
_LENGTH_SD = 1.0
_BOUNDS_SDS = 3.5
_MOST_FITTED = 50
"""The length-scales are fitted to so many points: the best and an even pick of the others. Predictions use all."""


@dataclass(frozen=True)
class Process:
    """A fitted process. `theta` (d + 1,): the log length-scales and the log noise, to start the next fit from."""

    x: Floats
    theta: Floats
    mean: float
    amplitude: float
    factor: Floats
    weights: Floats

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the noiseless value at `x` (m, d), each (m,)."""
        k = _correlation(_distances(self.x, x, self.theta))
        mean = self.mean + self.weights @ k
        half = solve_triangular(self.factor, k, lower=True, check_finite=False)
        variance = np.maximum(1.0 - np.einsum("nm,nm->m", half, half), 1e-10) * self.amplitude
        return mean, np.sqrt(variance)

    def covariance(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean (m,) and covariance (m, m) of the noiseless values at `x` (m, d)."""
        k = _correlation(_distances(self.x, x, self.theta))
        half = solve_triangular(self.factor, k, lower=True, check_finite=False)
        cov = (_correlation(_distances(x, x, self.theta)) - half.T @ half) * self.amplitude
        return self.mean + self.weights @ k, cov


def length_prior(d: int) -> float:
    """The log of the prior median of a length-scale, in cubes of d coordinates."""
    return float(np.log(0.25 if d == 1 else 0.7 * np.sqrt(d)))


def fit(x: Floats, y: Floats, noise: Floats, start: Floats | None = None, evaluations: int = 25) -> Process:
    """Fit to `y` (n,) at `x` (n, d), each with a known `noise` variance (n,) on the scale of y's own variance.

    `start`: the `theta` of an earlier fit, to begin with.
    """
    n, d = x.shape
    prior = np.append(np.full(d, length_prior(d)), _NOISE_LOG)
    sd = np.append(np.full(d, _LENGTH_SD), _NOISE_SD)
    begin = prior if start is None or len(start) != d + 1 else start
    squares = (x[:, None, :] - x[None, :, :]) ** 2
    theta = begin
    if n > 2 and evaluations:
        some = _spread(y)
        bounds = list(zip(prior - _BOUNDS_SDS * sd, prior + _BOUNDS_SDS * sd, strict=True))
        told = (squares[np.ix_(some, some)].reshape(-1, d), y[some], noise[some], prior, sd)
        theta, _, _ = scipy.optimize.fmin_l_bfgs_b(
            _objective, begin, args=told, bounds=bounds, maxfun=evaluations, factr=1e10
        )
    factor, weights, mean, amplitude = _solve(theta, squares, y, noise)
    return Process(x, theta, mean, amplitude, factor, weights)


def _spread(y: Floats) -> Ints:
    """The places of the best targets and an even pick of the rest, in order, shape (m,)."""
    order = np.argsort(y, kind="stable")
    if len(y) <= _MOST_FITTED:
        return order
    best = _MOST_FITTED // 2
    rest = np.linspace(best, len(y) - 1, _MOST_FITTED - best).round().astype(np.int64)
    chosen: Ints = order[np.concatenate([np.arange(best), rest])]
    return chosen


def _objective(
    theta: Floats, squares: Floats, y: Floats, noise: Floats, prior: Floats, sd: Floats
) -> tuple[float, Floats]:
    """Minus the log posterior, and its gradient; `squares` (n², d)."""
    n = len(y)
    inverse_lengths = np.exp(-2 * theta[:-1])
    r = _SQRT5 * np.sqrt(squares @ inverse_lengths).reshape(n, n)
    decay = np.exp(-r)
    k = (1 + r + r**2 / 3) * decay
    k.flat[:: n + 1] += np.exp(theta[-1]) + noise
    factor, inverse = _factor_and_inverse(k)
    ones = inverse.sum(axis=1)
    mean = (ones @ y) / ones.sum()
    weights = inverse @ (y - mean)
    fit_term = weights @ (y - mean)
    z = (theta - prior) / sd
    value = (
        0.5 * (n + _AMPLITUDE_RUNS) * np.log(fit_term + _AMPLITUDE_RUNS)
        + np.log(np.diag(factor)).sum()
        + 0.5 * np.log(ones.sum())
        + 0.5 * z @ z
    )
    outer = 0.5 * (inverse - np.outer(ones, ones) / ones.sum())
    outer -= 0.5 * (n + _AMPLITUDE_RUNS) / (fit_term + _AMPLITUDE_RUNS) * np.outer(weights, weights)
    # dk/dlog ℓ_j = (5/3) (1 + √5 r) exp(−√5 r) squares_j / ℓ_j²
    slope = outer * ((5 / 3) * (1 + r) * decay)
    gradient = np.append((slope.ravel() @ squares) * inverse_lengths, np.trace(outer) * np.exp(theta[-1]))
    return float(value), gradient + z / sd


def _factor_and_inverse(k: Floats) -> tuple[Floats, Floats]:
    """The lower Cholesky factor of k (n, n) and its inverse, by LAPACK itself: called dozens of times for each fit, the
    wrappers would cost as much as the work. Raises LinAlgError."""
    factor, failed = scipy.linalg.lapack.dpotrf(k, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError(f"the leading minor of order {failed} is not positive definite")
    lower, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
    inverse: Floats = lower + lower.T
    inverse.flat[:: len(k) + 1] = np.diag(lower)
    return factor, inverse


def _solve(theta: Floats, squares: Floats, y: Floats, noise: Floats) -> tuple[Floats, Floats, float, float]:
    n = len(y)
    k = _correlation(np.sqrt(squares @ np.exp(-2 * theta[:-1])))
    k[np.diag_indices(n)] += np.exp(theta[-1]) + noise
    factor = cholesky(k, lower=True, check_finite=False)
    solved = cho_solve((factor, True), np.stack([y, np.ones(n)], axis=1), check_finite=False)
    mean = float(solved[:, 0].sum() / solved[:, 1].sum())
    weights = solved[:, 0] - mean * solved[:, 1]
    amplitude = float((weights @ (y - mean) + _AMPLITUDE_RUNS) / (n + _AMPLITUDE_RUNS))
    return factor, weights, mean, amplitude


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Of points (n, d) from points (m, d), shape (n, m), by the expanded square: a little below 0 where they agree."""
    found: Floats = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return found


def _distances(a: Floats, b: Floats, theta: Floats) -> Floats:
    """Scaled distances (n, m)."""
    inverse = np.exp(-theta[:-1])
    root: Floats = np.sqrt(np.maximum(squared_distances(a * inverse, b * inverse), 0.0))
    return root


def _correlation(r: Floats) -> Floats:
    k: Floats = (1 + _SQRT5 * r + (5 / 3) * r**2) * np.exp(-_SQRT5 * r)
    return k
