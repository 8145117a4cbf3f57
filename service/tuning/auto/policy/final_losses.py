"""Trainings to the end whatever their early ranks, where final losses say that the least is.

Ranks find good regions soon, but where early losses mislead they would never be found out, and in a smooth valley they
tell neighbours apart too badly to refine anything. So a share of the steps goes to points chosen by a Gaussian process
of final losses. How large it is the finished trials decide: the better a trial's final loss is told by those of its
neighbours, left out itself, and the worse by its own early rank, the larger.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve

from lrtune.service.tuning.auto.evidence import FRACTIONS, Bools, Evidence, Floats, Ints, concordance
from lrtune.service.tuning.auto.policy.rungs import RUNGS
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.acquisition import around, judged, log_improvement
from lrtune.service.tuning.auto.surrogate.extrapolation import forecast
from lrtune.service.tuning.auto.surrogate.model import Model, capped, process_of

LEAST_SHARE, MOST_SHARE, _SLOPE = 0.1, 0.6, 1.5
_FROM, _FROM_MISLED = 3, 2
"""So many trials have to finish by their ranks before; the second where those mislead."""

_DUE = 0.15
"""While so few have finished for each full training that was trained, another one is due."""

_FORECAST_FROM = 6
"""Trials that came to this checkpoint (.22) without having finished count by the forecast of their end."""

_SMOOTH = 0.85
"""On smooth bowls nine tenths of the pairs are told by the others, on tables of real trainings three quarters."""

_UNIFORM = 400
_XI = 0.05
_APART = 1e-3
"""Times √d: nearer to a finished trial is the same point again."""


@dataclass(frozen=True)
class Step:
    """The waiting `trial` (its place in the evidence) or else a new `point` (columns,) trains to its end."""

    trial: int | None
    point: Floats | None


@dataclass(frozen=True)
class FinalLosses:
    """A process of g of the ends of the trials `known` (n,), standardised; `shown` (n,) what it was fitted to."""

    model: Model
    known: Ints
    shown: Floats
    process: gp.Process
    best: float

    def share(self) -> float:
        """The share of the steps that is to be trained by final losses."""
        evidence = self.model.evidence
        finished = evidence.finished[self.known] & np.isfinite(evidence.curves[self.known, RUNGS[0]])
        by_rank = concordance(evidence.curves[self.known[finished], RUNGS[0]], self.shown[finished])
        return float(np.clip(LEAST_SHARE + _SLOPE * (self._told(finished) - by_rank), LEAST_SHARE, MOST_SHARE))

    def is_smooth(self) -> bool:
        """Whether the losses of the finished trials are told so well by those of the others that little is between
        them: then it is worth while to look near the best."""
        return self._told(self.model.evidence.finished[self.known]) >= _SMOOTH

    def _told(self, finished: Bools) -> float:
        """The share of pairs of the `finished` (n,) whose order is told by the others, each left out itself."""
        return concordance(left_out(self.process, self.shown)[finished], self.shown[finished])

    def next(self, waiting: Ints, space: Space, rng: np.random.Generator, quantiles: Floats | None) -> Step:
        """The point of the most improvement expected; one of the `waiting` (m,) trials' too."""
        evidence = self.model.evidence
        finished = np.flatnonzero(evidence.finished)
        best = finished[np.argsort(evidence.final[finished], kind="stable")]
        near = around(evidence.cube[best], space, rng)
        fresh = space.snap(np.concatenate([rng.random((_UNIFORM, space.columns)), near]))
        points = np.concatenate([fresh, evidence.cube[waiting]])
        found = judged(points, self.model, space, quantiles, crowded=True)
        mean, sd = self.process.predict(points)
        gain = log_improvement(mean, sd, self.best - _XI)
        chosen = found.place(np.where(_apart(points, evidence.cube[finished]), gain, gain - 1e3))
        return Step(int(waiting[chosen - len(fresh)]), None) if chosen >= len(fresh) else Step(None, points[chosen])


def begins(evidence: Evidence, mislead: bool) -> bool:
    """Whether enough has finished to choose by: or too little, for all that was trained."""
    finished = int(evidence.finished.sum())
    if finished >= (_FROM_MISLED if mislead else _FROM):
        return True
    trained = float(FRACTIONS[evidence.reached[evidence.reached >= 0]].sum())
    return 0 < finished < _DUE * trained


def spent(evidence: Evidence, whole: Bools) -> float:
    """The share of the steps that were trained by final losses, once one more trial is.

    `whole` (n,): the trials that are or were trained so; running ones count as if they had finished.
    """
    trained = np.where(evidence.reached >= 0, FRACTIONS[evidence.reached], 0.0)
    trained[whole & ~evidence.diverged] = 1.0
    return float((trained[whole].sum() + 1.0) / (trained.sum() + 1.0))


def learn(
    model: Model, whole: Bools, rate_index: int | None, rng: np.random.Generator, *, mislead: bool = False
) -> FinalLosses:
    """The process of final losses; what is being trained so counts as if it had ended as expected. Where early ranks
    `mislead` no forecast counts."""
    evidence, scale = model.evidence, model.scale
    finished = np.flatnonzero(evidence.finished)
    far = np.flatnonzero(evidence.partial & (evidence.reached >= _FORECAST_FROM))
    far = far[:0] if mislead else far
    told, variances = scale(evidence.final[finished]), np.zeros(len(finished))
    if len(far):
        found = forecast(evidence, scale, far, rate_index)
        told, variances = np.append(told, found.mean), np.append(variances, found.variance)
    told = np.minimum(told, scale.cap)
    own = told[: len(finished)]
    centre, spread = float(own.mean()), float(own.std()) or 1.0
    known, shown, noise = np.append(finished, far), (told - centre) / spread, variances / spread**2
    chosen = capped(shown, np.arange(len(shown)), rng)
    known, shown, noise = known[chosen], shown[chosen], noise[chosen]
    begun = evidence.pending | (whole & evidence.partial)
    begun[known] = False
    process = process_of(evidence, known, shown, noise, rng, believed=np.flatnonzero(begun))
    return FinalLosses(model, known, shown, process, float((own.min() - centre) / spread))


def left_out(process: gp.Process, shown: Floats) -> Floats:
    """What the process expects at each of its first points (n,) without that point (Rasmussen 2006, equation 5.12)."""
    inverse = cho_solve((process.factor, True), np.eye(len(process.x)), check_finite=False)
    return shown - process.weights[: len(shown)] / np.diag(inverse)[: len(shown)]


def _apart(points: Floats, known: Floats) -> Bools:
    return np.asarray(gp.squared_distances(points, known).min(axis=1) > _APART**2 * points.shape[1])
