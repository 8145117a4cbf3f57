"""The surrogate: what the evidence says about the loss at the end of training, over the whole cube."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from lrtune.service.tuning.auto.evidence import STABLE_FROM, Bools, Evidence, Floats, Ints
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate import gp
from lrtune.service.tuning.auto.surrogate.extrapolation import forecast
from lrtune.service.tuning.auto.surrogate.feasibility import Feasibility, feasibility
from lrtune.service.tuning.auto.surrogate.stability import PointStability, stability_of_points
from lrtune.service.tuning.auto.surrogate.targets import Scale, scale_of

_MOST = 90
_MOST_BEST = 60
_DOUBT = 0.5
"""The search takes so much of the doubt that a suggestion may have, since it tries many points: with all of it twice as
many trials pass an edge that the loss falls towards (`bench divergence`: near)."""


@dataclass(frozen=True)
class Model:
    """`ends` (n,) and `variances` (n,): g of each trial's end as told or forecast, on the process's scale (NaN
    where nothing is known), `told` (n,) the same on g's own; `best` is the best finished one. `odds`: of coming
    through. `rng` and `start` are the fit's."""

    evidence: Evidence
    scale: Scale
    odds: "Odds"
    ends: Floats
    variances: Floats
    told: Floats
    best: float
    rng: np.random.Generator
    start: Floats | None

    @cached_property
    def process(self) -> gp.Process:
        """Fits the ends. Most of a model's cost, so only where it is asked for."""
        known = np.flatnonzero(np.isfinite(self.ends))
        return process_of(self.evidence, known, self.ends[known], self.variances[known], self.rng, self.start)


def build(evidence: Evidence, space: Space, rng: np.random.Generator, start: Floats | None = None) -> Model | None:
    """The model; None while no trial has reported a loss. `start`: `theta` of an earlier process."""
    scale = scale_of(evidence)
    if scale is None:
        return None
    told, told_variances = _ends(evidence, scale, space.rate_index)
    known = np.flatnonzero(np.isfinite(told))
    ends, variances = np.full(len(told), np.nan), np.full(len(told), np.nan)
    ends[known], variances[known] = _standardised(evidence, scale, told, told_variances, known)
    finished = evidence.finished
    best = float(ends[finished].min()) if finished.any() else float(np.nanmin(ends))
    return Model(evidence, scale, odds_of(evidence, space), ends, variances, told, best, rng, start)


def process_of(
    evidence: Evidence,
    known: Ints,
    shown: Floats,
    noise: Floats,
    rng: np.random.Generator,
    start: Floats | None = None,
    believed: Ints | None = None,
) -> gp.Process:
    """The process through `shown` (m,), lower is better, with variances `noise` (m,), of the trials `known` (m,).

    Of more than `_MOST` the best and some others. Those `believed` (k,), by default the pending ones, count as if they
    had ended as it expects.
    """
    chosen = capped(shown, known, rng)
    process = gp.fit(evidence.cube[known[chosen]], shown[chosen], noise[chosen], start)
    pending = np.flatnonzero(evidence.pending) if believed is None else believed
    if not len(pending):
        return process
    return _believing(process, evidence.cube[pending], shown[chosen], noise[chosen])


@dataclass(frozen=True)
class Odds:
    """What trains: the largest stable rate, and all the parameters together."""

    stability: PointStability
    feasibility: Feasibility

    def safe(self, points: Floats) -> Floats:
        """P(a training comes through) at points (m, columns), by whichever of the two is the more cautious there: both
        have seen what diverged. Shape (m,)."""
        found: Floats = np.minimum(self.stability.safe(points), self.feasibility.probable(points))
        return found

    def allowed(self, points: Floats) -> Bools:
        """Which points (m, columns) may be tried, shape (m,): at least one."""
        safe = self.stability.safe(points)
        required = self.stability.required(points)
        required = np.where(required > 0.0, 1.0 - _DOUBT * (1.0 - required), 0.0)
        stable = safe >= np.minimum(required, float(safe.max()))
        both = stable & self.feasibility.allowed(self.feasibility.probable(points))
        return both if both.any() else stable


def odds_of(evidence: Evidence, space: Space) -> Odds:
    """What comes through, from the runs that ended and those that went well for a good part of a training.

    Where the rate is all there is, what diverges is told by its edge alone, which is sharper.
    """
    done = evidence.finished | evidence.diverged | (evidence.reached >= STABLE_FROM)
    cube, diverged = evidence.cube[done], evidence.diverged[done]
    stability = stability_of_points(cube, diverged, space.rate_index, space.blocks)
    lost = np.zeros_like(diverged) if space.columns == 1 and space.rate_index is not None else diverged
    if len(evidence.failed):
        cube = np.concatenate([cube, evidence.failed])
        lost = np.append(lost, np.ones(len(evidence.failed), dtype=bool))
    return Odds(stability, feasibility(cube, ~lost))


def _ends(evidence: Evidence, scale: Scale, rate_index: int | None) -> tuple[Floats, Floats]:
    """g of the end of each trial as told or forecast, NaN where nothing is known, and its variance: each (n,)."""
    ends, variances = np.full(len(evidence.final), np.nan), np.zeros(len(evidence.final))
    ends[evidence.finished] = scale(evidence.final[evidence.finished])
    partial = np.flatnonzero(evidence.partial)
    if len(partial):
        found = forecast(evidence, scale, partial, rate_index)
        ends[partial], variances[partial] = found.mean, found.variance
    return ends, variances


def _standardised(
    evidence: Evidence, scale: Scale, ends: Floats, variances: Floats, known: Ints
) -> tuple[Floats, Floats]:
    """Targets of variance one: g itself in one dimension, ranks to normal scores in more."""
    values, noise = ends[known], variances[known]
    if evidence.cube.shape[1] > 1 and len(known) > 4:
        return normal_scores(values, noise)
    values = np.minimum(values, scale.cap)
    spread = float(values.std()) or 1.0
    return (values - float(values.mean())) / spread, noise / spread**2


def normal_scores(values: Floats, variances: Floats) -> tuple[Floats, Floats]:
    """Ranks as normal quantiles, shape (n,), and the variances carried over by the slope of that map."""
    order = np.sort(values)
    levels = ndtri((np.arange(len(values)) + 0.5) / len(values))
    scores = np.interp(values, order, levels)
    sd = np.sqrt(variances)
    low, high = np.interp(values - sd, order, levels), np.interp(values + sd, order, levels)
    return scores, ((high - low) / 2) ** 2


def capped(shown: Floats, known: Ints, rng: np.random.Generator) -> Ints:
    """The places of the best of `shown` (m,) and of some others, in order; of all where there are few."""
    if len(known) <= _MOST:
        return np.arange(len(known))
    order = np.argsort(shown, kind="stable")
    others = rng.permutation(order[_MOST_BEST:])[: _MOST - _MOST_BEST]
    chosen: Ints = np.sort(np.concatenate([order[:_MOST_BEST], others]))
    return chosen


def _believing(process: gp.Process, pending: Floats, y: Floats, noise: Floats) -> gp.Process:
    """The process as if running trials had ended as it expects: they are not asked for again (Ginsbourger 2010)."""
    mean, _ = process.predict(pending)
    x = np.concatenate([process.x, pending])
    return gp.fit(
        x, np.concatenate([y, mean]), np.concatenate([noise, np.zeros(len(mean))]), process.theta, evaluations=0
    )


def losses_of(model: Model, shown: Floats) -> Floats:
    """Values on the process's scale as losses, same shape: between the trials' own, by interpolation."""
    known = np.flatnonzero(np.isfinite(model.ends))
    order = known[np.argsort(model.ends[known], kind="stable")]
    told = np.maximum.accumulate(np.sort(model.told[order]))
    losses: Floats = np.exp(np.interp(shown, model.ends[order], told)) - model.scale.spread / 2 + model.scale.best
    return losses
