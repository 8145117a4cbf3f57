"""Are trainings diverging? The share of the latest trials with Wilson's interval, and what of it the rates explain."""

from collections.abc import Sequence

from lrtune.service.sentences.health import diverging as say
from lrtune.service.sentences.health.common import too_few_to_compare
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.health.evidence import Evidence, Trained
from lrtune.service.tuning.health.intervals import share_between
from lrtune.service.tuning.state.space.rates import rate_in
from lrtune.service.wire.health import HealthCard, HealthState

_LATEST = 50
_FEWEST_ALL, _FEWEST = 3, 10
_MANY, _MOST = 0.2, 0.5
"""Shares of the latest trials that surely diverge, from which on it is worth a look, and bad."""
_TENDS = 0.5
"""Below this chance to train without diverging, a rate tends to diverge."""
_BY_THE_RATE = 0.8
"""The share of those at such rates from which on the rate is to blame."""
_MOST_SHOWN = 5


def diverging(evidence: Evidence) -> HealthCard:
    """The card."""
    ended = [trial for trial in evidence.trials if trial.outcome != "failed"][-_LATEST:]
    lost = [trial for trial in ended if trial.outcome == "diverged"]
    state = _state(len(lost), len(ended))
    if not ended:
        return HealthCard(question=say.DIVERGING, state=state, says=too_few_to_compare(0, _FEWEST))
    above = sum(_tends_to(evidence, trial) for trial in lost)
    says = say.diverged_share(len(lost), len(ended), _edge(evidence), above)
    if state == "unknown":
        says = paragraph([says, too_few_to_compare(len(ended), _FEWEST)])
    remedy = ""
    if state in ("look", "bad"):
        says = paragraph([says, say.diverged_steps(evidence.diverged_steps, evidence.trained_steps)])
        by_rate = above >= _BY_THE_RATE * len(lost) and len(lost) < len(ended)
        remedy = _lower(evidence) if by_rate else say.look_for_the_fault()
    shown: Sequence[Trained] = lost[-_MOST_SHOWN:]
    return HealthCard(
        question=say.DIVERGING, state=state, says=says, remedy=remedy, trials=[trial.number for trial in shown]
    )


def _state(lost: int, ended: int) -> HealthState:
    if ended >= _FEWEST_ALL and lost == ended:
        return "bad"
    if ended < _FEWEST:
        return "unknown"
    least, _ = share_between(lost, ended)
    return "bad" if least > _MOST else "look" if least > _MANY else "good"


def _tends_to(evidence: Evidence, trial: Trained) -> bool:
    rate = None if evidence.rate is None else rate_in(trial.params, evidence.rate)
    if evidence.stability is None or rate is None:
        return False
    return evidence.stability.probability_stable(rate, trial.params) < _TENDS


def _edge(evidence: Evidence) -> float | None:
    """The boundary of the rates; None where there is none, or one for each of some choices."""
    model = evidence.stability
    return None if model is None or model.split_by is not None else model.known_edge({})


def _lower(evidence: Evidence) -> str:
    """What to do where the rate is to blame."""
    edge, model = _edge(evidence), evidence.stability
    assert evidence.rate is not None
    if edge is not None:
        return say.lower_the_bound(evidence.rate, edge)
    assert model is not None
    return say.lower_each_bound(evidence.rate, model.split_by or "")
