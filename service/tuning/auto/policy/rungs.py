"""Rungs: the checkpoints where a trial of many parameters has to lead to train on.

The best third of those that came as far goes on (successive halving: Jamieson 2016, arXiv:1502.07943), until the
finished trials' own curves show that early ranks mislead.
"""

import numpy as np

from lrtune.service.sentences import verdicts as say
from lrtune.service.tuning.auto.evidence import FRACTIONS, Evidence, Floats, Ints, concordance, steps_at
from lrtune.service.tuning.auto.policy.race import Call, sharing_a_step

RUNGS = (2, 4, 6, 8, 11)
"""The checkpoints where a trial of many parameters is paused or stopped: .06, .12, .22, .45 of a training; the end."""

_SHORTEST = 0
_SHORTEST_TRUST = 0.8
"""Trials are paused at .02 already where that much of the order there was the order at the first rung: on tables of
real trainings it was nine tenths, or no more than chance."""

_LATEST = 200
"""So many trials say whether: of more, all pairs would cost more than all else."""

_REDUCTION = 3
"""Of the trials at a rung the best of so many may go on, as in successive halving."""

_MISLEADING, _USUAL_HOLDS, _PRIOR_WEIGHT = 0.5, 0.75, 0.5
"""Ranks count for nothing where no more of the order at the first rung was the order at the end. A pair weighs what was
between its ranks at the first rung: leaders swap places easily, but when one from the back passes the best, ranks
mislead until more trials tell otherwise. At first that much of that weight is taken to hold."""

_SAMPLE = 12
"""So many trials that cannot be paused stop at the first rung before one goes on, as the probes are paused there."""

_GOES_ON = Call(False, "")


def rungs_of(evidence: Evidence) -> tuple[int, ...]:
    """The checkpoints where trials of many parameters are paused: an early one too where its order holds."""
    there = evidence.curves[np.isfinite(evidence.curves[:, RUNGS[0]])][-_LATEST:]
    holds = concordance(there[:, _SHORTEST], there[:, RUNGS[0]]) >= _SHORTEST_TRUST
    return (_SHORTEST, *RUNGS) if holds else RUNGS


def leading(evidence: Evidence, waiting: Ints, rungs: tuple[int, ...], least: int) -> Ints:
    """Those in the best third of all that reached their rung, or among its `least` best, shape (m,).

    Trials that diverged on the way to the rung count as behind, but not those that never came to the rung before: else
    a study where many diverge at once would promote everything else. Of equals the earlier one comes first: repeats of
    the best, or losses that few values can have, are not all promoted.
    """
    reached, found = evidence.reached, []
    for rung in np.unique(reached[waiting]).tolist():
        there = np.flatnonzero(np.isfinite(evidence.curves[:, rung]))
        before = max((earlier for earlier in rungs if earlier < rung), default=-1)
        diverged = evidence.diverged & ~np.isfinite(evidence.curves[:, rung]) & (reached >= before)
        quota = max((len(there) + int(diverged.sum())) // _REDUCTION, least)
        best = there[np.argsort(evidence.curves[there, rung], kind="stable")[:quota]]
        found.append(np.intersect1d(best, waiting[reached[waiting] == rung]))
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)


def misled(evidence: Evidence, checkpoint: int = RUNGS[0]) -> bool:
    """Whether the order of the finished trials at a checkpoint, the first rung, was not their order at the end.

    A pair weighs what was between its ranks among all that came there.
    """
    early = evidence.curves[:, checkpoint]
    there = np.sort(early[np.isfinite(early)])
    told = evidence.finished & np.isfinite(early)
    places, ends = np.searchsorted(there, early[told]) / max(len(there), 1), evidence.final[told]
    gaps = np.triu(places[:, None] - places)
    weights = np.abs(gaps)
    held = float((weights * (np.sign(gaps) * np.sign(ends[:, None] - ends) + 1.0) / 2.0).sum())
    prior = _PRIOR_WEIGHT
    return bool((held + prior * _USUAL_HOLDS) / (float(weights.sum()) + prior) <= _MISLEADING)


def judge(others: Evidence, curve: Floats, share: float, full: float) -> Call:
    """Whether a trial of many parameters that cannot be paused stops at the checkpoint its `curve` (K,) has reached.

    It trains until that `share` of its `full` steps in any case, and stops at the first rung from there on that it does
    not lead, where it waits to be trained again (`retraining`).
    """
    trial, evidence = len(others.final), others.joined_by(curve)
    reached, rungs = int(evidence.reached[trial]), rungs_of(evidence)
    if not decides(reached, share, full):
        return earned(reached, share, full)
    if not sharing_a_step(reached, full).intersection(rungs):
        return _GOES_ON
    there = evidence.curves[np.isfinite(evidence.curves[:, reached]), reached]
    rank = int((there < evidence.curves[trial, reached]).sum()) + 1
    standing = steps_at(float(FRACTIONS[reached]), full), round(full), rank, len(there)
    if len(there) <= _SAMPLE and not evidence.finished.any() and share <= FRACTIONS[RUNGS[0]]:
        return Call(True, say.sample(*standing, first=_SAMPLE))
    if misled(evidence):
        return Call(False, say.misled(*standing))
    leads = len(leading(evidence, np.array([trial]), rungs, least=int(not evidence.finished.any()))) > 0
    return Call(not leads, say.at_rung(*standing, leads=leads))


def decides(reached: int, share: float, full: float) -> bool:
    """Whether a trial that trains until that `share` of its `full` steps in any case may stop at a checkpoint."""
    if reached < 0 or reached == len(FRACTIONS) - 1:
        return False
    early = steps_at(float(FRACTIONS[reached]), full) < steps_at(share, full)
    return not early and bool(sharing_a_step(reached, full).intersection((_SHORTEST, *RUNGS)))


def earned(reached: int, share: float, full: float) -> Call:
    """What is said where nothing is decided."""
    if reached < 0 or not FRACTIONS[RUNGS[0]] < share > FRACTIONS[reached]:
        return _GOES_ON
    step = steps_at(float(FRACTIONS[reached]), full)
    return Call(False, say.earned(step, round(full), steps_at(share, full)))
