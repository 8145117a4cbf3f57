"""Where a new trial of many parameters begins: by how the trials compare with each other.

Two trials are compared at the last checkpoint that both have reached, so that no end is forecast. Far from the end a
forecast is mostly noise, and a process that is told so finds nothing but the unknown worth a try. A trial's rank is the
share of its comparisons that it loses (Copeland 1951); a Gaussian process of these shares says where a lower confidence
bound is least (Srinivas 2010, arXiv:0912.3995). Candidates are uniform: between neighbours of the leaders
early ranks tell little apart.
"""

import numpy as np
from scipy.special import ndtri

from lrtune.service.tuning.auto.evidence import Evidence, Floats
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.acquisition import Proposal, best_new, judged
from lrtune.service.tuning.auto.surrogate.model import Model, process_of

_CANDIDATES = 400
_CONFIDENCE = 1.0
"""In standard deviations."""

_MOST_RIVALS = 300
_LEAST = 3


def promising(model: Model, space: Space, rng: np.random.Generator, *, quantiles: Floats | None = None) -> Proposal:
    """The point where a new trial may lose the fewest comparisons with the others.

    `quantiles`: a prior on the rate (`first_point`), whose say fades as runs finish.
    """
    lost = shares_lost(model.evidence)
    known = np.flatnonzero(np.isfinite(lost))
    n = len(known)
    if n < _LEAST:
        return best_new(model, space, rng, quantiles=quantiles)
    scores = ndtri(np.clip(lost[known], 0.5 / n, 1.0 - 0.5 / n))
    scores = (scores - float(scores.mean())) / (float(scores.std()) or 1.0)
    process = process_of(model.evidence, known, scores, np.zeros(n), rng)
    found = judged(space.snap(rng.random((_CANDIDATES, space.columns))), model, space, quantiles)
    mean, sd = process.predict(found.points)
    return found.best(_CONFIDENCE * sd - mean)


def shares_lost(evidence: Evidence) -> Floats:
    """The share of its comparisons that each trial loses, a tie half, shape (n,); NaN where it has none.

    Each is compared with up to `_MOST_RIVALS` others, evenly picked; diverged ones are left out.
    """
    curves = evidence.curves.copy()
    curves[evidence.finished, -1] = evidence.final[evidence.finished]
    last = np.where(np.isfinite(curves), np.arange(curves.shape[1]), -1).max(axis=1)
    last[evidence.diverged] = -1
    live = np.flatnonzero(last >= 0)
    rivals = live[np.unique(np.linspace(0, max(len(live) - 1, 0), min(len(live), _MOST_RIVALS)).astype(np.int64))]
    common = np.minimum(last[live][:, None], last[rivals])
    own = np.take_along_axis(curves[live], common, axis=1)
    theirs = np.take_along_axis(curves[rivals], common.T, axis=1).T
    told = np.isfinite(own) & np.isfinite(theirs) & (live[:, None] != rivals)
    lost = np.where(told, (own > theirs) + 0.5 * (own == theirs), 0.0).sum(axis=1)
    counted = told.sum(axis=1)
    shares = np.full(len(last), np.nan)
    shares[live] = np.divide(lost, counted, out=np.full(len(live), np.nan), where=counted > 0)
    return shares
