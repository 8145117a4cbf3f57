"""Pause and resume: which paused trial earns more steps, or whether a new one is begun.

Promotion instead of stopping (Jamieson 2016, arXiv:1502.07943; Li 2020, arXiv:1810.05934). In many parameters a trial
goes on when it is in the best third of its rung, and new points come from how the trials compare with each other
(`pairwise_ranks`); unless the finished curves say that early ranks mislead. Then, and where the rate is all there is,
the surrogate decides, which unfinished trials join by the forecast of their end (`extrapolation`).
"""

import numpy as np

from lrtune.service.tuning.auto.evidence import FRACTIONS, Bools, Evidence, Floats
from lrtune.service.tuning.auto.policy import many_dimensions, one_dimension
from lrtune.service.tuning.auto.policy.decision import Decision, Terms
from lrtune.service.tuning.auto.policy.initial_design import first_point, prior_quantile, probe_share
from lrtune.service.tuning.auto.policy.rungs import RUNGS
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.auto.surrogate.model import build

__all__ = ["Decision", "decide"]

_PROBES_MANY = 12
_PROBES_OF_TRIALS, _LEAST_PROBES = 3, 3
"""Probes are at most a third of `max_trials`, but three."""


def decide(
    evidence: Evidence,
    paused: Bools,
    space: Space,
    *,
    number: int,
    seed: int,
    whole: Bools | None = None,
    quantiles: Floats | None = None,
    insists: bool = False,
    fresh: bool = True,
    max_trials: int | None = None,
) -> Decision:
    """The next step of a study whose trials can be paused; pure, and the same for the same arguments.

    `paused` (n,): which trials of the evidence may be resumed (running ones may not); one that has a whole curve, and
    was stopped all the same, has nothing left to train. `number`: how many trials were begun, of `max_trials` if those
    are limited. `whole` (n,): which were decided to be (`Decision.whole`). `quantiles`: a prior on the rate
    (`first_point`). `insists`: more should be trained per trial. Where the rate is all there is, the paused trial that
    promises most goes on then; in many parameters that one or a new one, whichever promises more, trains to its end.
    Without `fresh` no new one may be begun: one that comes back says that no paused one earned more steps; with
    `insists` the best of them goes on.
    Costs what an ask costs, some 20 ms.
    """
    few = space.columns == 1
    probes = _probes_few(max_trials) if few else _PROBES_MANY
    if number < probes and fresh:
        point = _probe(number, probes, space, seed, quantiles)
        until = one_dimension.PROBE_UNTIL if few else len(FRACTIONS) - 1 if insists else RUNGS[0]
        return Decision("new", point, None, until, f"probe {number + 1} of {probes}")
    rng = np.random.default_rng([seed, number, int(np.isfinite(evidence.curves).sum())])
    model = build(evidence, space, rng)
    if model is None:
        return Decision("new", first_point(number, space, seed, quantiles), None, RUNGS[0], "nothing is known yet")
    waiting = np.flatnonzero(paused & evidence.partial & (evidence.reached < len(FRACTIONS) - 1))
    terms = Terms(np.zeros(len(paused), dtype=bool) if whole is None else whole, quantiles, insists, fresh)
    choose = one_dimension.decide if few else many_dimensions.decide
    return choose(model, waiting, space, rng, terms)


def _probes_few(max_trials: int | None) -> int:
    if max_trials is None:
        return one_dimension.PROBES
    return min(one_dimension.PROBES, max(max_trials // _PROBES_OF_TRIALS, _LEAST_PROBES))


def _probe(number: int, probes: int, space: Space, seed: int, quantiles: Floats | None) -> Floats:
    if space.columns > 1:
        return first_point(number, space, seed, quantiles)
    share = probe_share(number, probes, seed)
    return np.array([share if quantiles is None else prior_quantile(quantiles, share)])
