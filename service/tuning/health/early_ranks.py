"""Do early ranks hold?

The rank correlation (Spearman 1904) of the values after a third of a training with the final ones, over complete
trials. Where trials are stopped by their early values, those that remain are alike, and agree less than all would: the
correlation is corrected for that range (Thorndike 1949, case 2), by how much wider the early ranks of all trials are.
"""

import math

import numpy as np
import scipy  # Its stats, half a second to import, is loaded when first used.
from numpy.typing import NDArray

from lrtune.service.sentences.health import early_ranks as say
from lrtune.service.sentences.health.common import all_alike
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.auto.evidence import FRACTIONS, checkpoint_steps
from lrtune.service.tuning.health.comparison import losses_of
from lrtune.service.tuning.health.evidence import Evidence, Trained
from lrtune.service.tuning.health.intervals import correlation_between
from lrtune.service.wire.health import HealthCard, HealthState

_EARLY = int(np.searchsorted(FRACTIONS, 0.3))
"""The checkpoint that is meant by early: near a third of a training."""
_FEWEST = 10
_HOLDS = 0.4
_MOST_SHOWN = 5


def early_ranks(evidence: Evidence) -> HealthCard:
    """The card."""
    if evidence.steps_are_folds:
        return _unknown(say.of_folds())
    full = evidence.full_steps
    told = [t for t in evidence.trials if t.own and t.full and t.outcome in ("complete", "pruned")]
    rows = [(t, row) for t in told if full is not None and (row := losses_of(t, full, evidence.sign)) is not None]
    complete = [(t, row) for t, row in rows if math.isfinite(row[_EARLY]) and math.isfinite(row[-1])]
    if full is None or len(complete) < _FEWEST:
        return _unknown(say.no_curves(len(complete), _FEWEST))
    step = checkpoint_steps(float(full))[_EARLY]
    if step >= full:
        return _unknown(say.one_report())
    early, final = np.array([row[_EARLY] for _, row in complete]), np.array([row[-1] for _, row in complete])
    if np.ptp(early) == 0 or np.ptp(final) == 0:
        return _unknown(all_alike(len(complete)))
    raw = float(scipy.stats.spearmanr(early, final).statistic)
    wider = _wider(rows, complete)
    low, high = (_unrestricted(end, wider) for end in correlation_between(raw, len(complete)))
    found = _unrestricted(raw, wider), low, high
    says = say.ranks(step, full, len(complete), found, corrected=wider > 1)
    state: HealthState = "good" if low >= _HOLDS else "look" if high <= _HOLDS else "unknown"
    if state == "unknown":
        return _unknown(paragraph([says, say.unclear_ranks()]))
    prunes = evidence.spec.pruner.name != "none"
    if state == "good":
        return HealthCard(question=say.EARLY_RANKS, state="good", says=says)
    return HealthCard(
        question=say.EARLY_RANKS,
        state="bad" if prunes else "look",
        says=says,
        remedy=say.stop_later(prunes=prunes),
        trials=_latecomers([trial for trial, _ in complete], early, final),
    )


def _unknown(says: str) -> HealthCard:
    return HealthCard(question=say.EARLY_RANKS, state="unknown", says=says)


def _wider(rows: list[tuple[Trained, list[float]]], complete: list[tuple[Trained, list[float]]]) -> float:
    """How much wider the early values of all trials are than those of the complete ones, by the normal scores of their
    ranks; those that were stopped before are the worst. 1 where none was stopped."""
    if len(rows) == len(complete):
        return 1.0
    early = np.array([row[_EARLY] if math.isfinite(row[_EARLY]) else math.inf for _, row in rows])
    scores = scipy.stats.norm.ppf((scipy.stats.rankdata(early) - 0.5) / len(early))
    numbers = {trial.number for trial, _ in complete}
    kept = np.array([trial.number in numbers for trial, _ in rows])
    inner, outer = float(scores[kept].std()), float(scores.std())
    return max(1.0, outer / inner) if inner > 0 else 1.0


def _unrestricted(found: float, wider: float) -> float:
    return found * wider / math.sqrt(1 + found**2 * (wider**2 - 1))


def _latecomers(trials: list[Trained], early: NDArray[np.float64], final: NDArray[np.float64]) -> list[int]:
    """The trials that gained most places since."""
    gained = scipy.stats.rankdata(early) - scipy.stats.rankdata(final)
    return [trials[place].number for place in np.argsort(-gained)[:_MOST_SHOWN]]
