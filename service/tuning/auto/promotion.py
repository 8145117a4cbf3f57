"""Pause and resume: which paused trial earns more steps, or whether a new one is begun.

Promotion instead of stopping (Jamieson 2016, arXiv:1502.07943; Li 2020, arXiv:1810.05934), by what each paused trial is
expected to reach rather than by its early rank: the forecast of its end (`extrapolation`) joins the surrogate, so
early ranks count as much as the study's own finished curves bear them out.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from service.tuning.auto.acquisition import best_new, log_improvement
from service.tuning.auto.evidence import FRACTIONS, Bools, Evidence, Floats, Ints
from service.tuning.auto.model import Model, build
from service.tuning.auto.space import Space
from service.tuning.auto.start import first_point, prior_quantile, probe_share

RUNGS = (2, 4, 6, 8, 11)
"""The checkpoints where a trial of many parameters is paused: .06, .12, .22, .45 of a training, and the end."""

PROBES_FEW, PROBE_FEW = 12, 0
"""One dimension: how many short probes come first, and the checkpoint they run to (.02 of a training)."""

_SECOND, _SECOND_UNTIL = 2, 3
"""So many of the probes run on to this checkpoint (.09), before one of them goes to its end."""

_PROBES_MANY = 12
_SCREENING = 0.3
"""The share of all steps that may go into the first rung."""

_REDUCTION = 3
"""Of the trials at a rung the best of so many may go on, as in successive halving; which of them, the model says."""

_COVERING = (2, 3)
"""With so many finished, the next run covers the range: two by early ranks, then two to see whether they hold."""

_UNIFORM_SHARE = 0.1
_EXPLORE_EVERY = 5
_RESUME_BONUS = 1.0


@dataclass(frozen=True)
class Decision:
    """What to do with the next free worker: `kind` "new" trains `point` (columns,), "resume" the `trial` (its place
    in the evidence); until checkpoint `until`, which is `FRACTIONS[until]` of a full training."""

    kind: Literal["new", "resume"]
    point: Floats | None
    trial: int | None
    until: int
    explanation: str


def decide(
    evidence: Evidence,
    paused: Bools,
    space: Space,
    *,
    number: int,
    seed: int,
    quantiles: Floats | None = None,
    insists: bool = False,
) -> Decision:
    """The next step of a study whose trials can be paused; pure, and the same for the same arguments.

    `paused` (n,): which trials of the evidence may be resumed (running ones may not). `number`: how many trials were
    begun. `quantiles`: a prior on the rate (`start.first_point`). `insists`: a paused trial goes on if there is one,
    however much more a new one would promise. Costs what an ask costs, some 10 ms.
    """
    few = space.columns == 1
    probes = PROBES_FEW if few else _PROBES_MANY
    if number < probes:
        point = _probe(number, space, seed, quantiles)
        return Decision("new", point, None, PROBE_FEW if few else RUNGS[0], f"probe {number + 1} of {probes}")
    rng = np.random.default_rng([seed, number, int(np.isfinite(evidence.curves).sum())])
    model = build(evidence, space, rng)
    if model is None:
        return Decision("new", first_point(number, space, seed, quantiles), None, RUNGS[0], "nothing is known yet")
    waiting = np.flatnonzero(paused & evidence.partial)
    if few:
        return _decide_few(model, waiting, space, rng, quantiles, insists)
    return _decide_many(model, waiting, space, rng, quantiles, insists)


def _probe(number: int, space: Space, seed: int, quantiles: Floats | None) -> Floats:
    if space.columns > 1:
        return first_point(number, space, seed, quantiles)
    share = probe_share(number, PROBES_FEW, seed)
    return np.array([share if quantiles is None else prior_quantile(quantiles, share)])


def _decide_few(
    model: Model, waiting: Ints, space: Space, rng: np.random.Generator, quantiles: Floats | None, insists: bool
) -> Decision:
    """One dimension: two runs by early ranks, then two that cover the range, since early ranks may mislead there and
    only finished curves say whether they do; then by expected improvement, new ones trained to their end."""
    evidence, end = model.evidence, len(FRACTIONS) - 1
    finished = np.flatnonzero(evidence.finished)
    if len(waiting) and not len(finished):
        return _narrow(evidence, waiting)
    if len(waiting) and len(finished) in _COVERING:
        away = np.abs(evidence.cube[waiting] - evidence.cube[finished, 0]).min(axis=1)
        away *= model.boundary.safe(evidence.cube[waiting]) > 0.5
        if away.max() > 0:
            trial = int(waiting[np.argmax(away)])
            return Decision("resume", None, trial, end, "far from what finished: it tells whether early ranks hold")
    explore = not insists and len(finished) % _EXPLORE_EVERY == _EXPLORE_EVERY - 1
    found = best_new(model, space, rng, explore=explore, quantiles=quantiles)
    if len(waiting) and not explore:
        gains = _gains(model, waiting, 0.0)
        place = int(np.argmax(gains))
        if insists or gains[place] + _RESUME_BONUS > found.gain:
            return Decision("resume", None, int(waiting[place]), end, _forecast(model, int(waiting[place])))
    what = "the least known rate" if explore else "the most improvement expected"
    return Decision("new", found.point, None, end, what)


def _narrow(evidence: Evidence, waiting: Ints) -> Decision:
    """The best probes a little further, then the better of those to the end."""
    further = waiting[evidence.reached[waiting] >= _SECOND_UNTIL]
    if len(further) >= min(_SECOND, len(waiting)):
        best = further[np.argmin(evidence.curves[further, _SECOND_UNTIL])]
        return Decision("resume", None, int(best), len(FRACTIONS) - 1, "the best of the probes")
    behind = waiting[evidence.reached[waiting] < _SECOND_UNTIL]
    best = behind[np.argmin(evidence.curves[behind, evidence.reached[behind]])]
    return Decision("resume", None, int(best), _SECOND_UNTIL, "one of the best probes")


def _decide_many(
    model: Model, waiting: Ints, space: Space, rng: np.random.Generator, quantiles: Floats | None, insists: bool
) -> Decision:
    """Many dimensions: keep a share of all steps for screening new points, give the rest to the paused trial that is
    expected to improve most for the steps it still needs."""
    evidence = model.evidence
    spent = np.where(evidence.reached >= 0, FRACTIONS[np.maximum(evidence.reached, 0)], 0.0)
    screened = float(np.minimum(spent, FRACTIONS[RUNGS[0]]).sum())
    if len(waiting) and (insists or not evidence.finished.any() or screened > _SCREENING * float(spent.sum())):
        waiting = _leading(evidence, waiting)
        gains = _gains(model, waiting, 1.0)
        trial = int(waiting[np.argmax(gains)])
        until = next(rung for rung in RUNGS if rung > evidence.reached[trial])
        return Decision("resume", None, trial, until, _forecast(model, trial))
    if rng.random() < _UNIFORM_SHARE:
        return Decision("new", space.snap(rng.random((1, space.columns)))[0], None, RUNGS[0], "a point at large")
    found = best_new(model, space, rng, quantiles=quantiles)
    return Decision("new", found.point, None, RUNGS[0], "the most improvement expected")


def _leading(evidence: Evidence, waiting: Ints) -> Ints:
    """Of the paused trials, those in the best third of all that reached their rung, shape (m,); all where none is."""
    leading = []
    for trial in waiting.tolist():
        there = evidence.curves[:, evidence.reached[trial]]
        there = there[np.isfinite(there)]
        better = int((there < evidence.curves[trial, evidence.reached[trial]]).sum())
        leading.append(better < max(len(there) / _REDUCTION, 1.0))
    kept = waiting[np.array(leading, dtype=bool)]
    return kept if len(kept) else waiting


def _gains(model: Model, waiting: Ints, cost_power: float) -> Floats:
    """Log expected improvement of finishing each paused trial, by the steps it still needs, shape (m,)."""
    evidence = model.evidence
    mean, sd = model.process.predict(evidence.cube[waiting])
    safe = model.boundary.safe(evidence.cube[waiting])
    left = 1.0 - FRACTIONS[evidence.reached[waiting]] + 0.02
    gains: Floats = log_improvement(mean, sd, model.best) + np.log(np.maximum(safe, 1e-9)) - cost_power * np.log(left)
    return gains


def _forecast(model: Model, trial: int) -> str:
    """The trial's standing by its forecast."""
    known = model.ends[np.isfinite(model.ends)]
    rank = int((known < model.ends[trial]).sum()) + 1
    at = FRACTIONS[model.evidence.reached[trial]]
    return f"forecast from {at:.0%} of a training: rank {rank} of {len(known)}, ± {np.sqrt(model.variances[trial]):.2f}"
