"""Are failures one bug? The errors of the latest trials, those taken for one that differ in numbers, addresses and
paths alone."""

from collections import Counter

from lrtune.service.sentences.failures import same_error
from lrtune.service.sentences.health import one_bug as say
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.health.evidence import Evidence, Trained
from lrtune.service.wire.health import HealthCard, HealthState

_LATEST = 100
_FEWEST = 5
_FEW_FAILED = 2
_ALIKE = 0.8
_SOME, _MANY = 0.05, 0.2
"""Shares of the latest trials that failed, from which on it is worth a look, and bad."""
_IN_A_ROW = 3
_MOST_SHOWN = 5


def one_bug(evidence: Evidence) -> HealthCard:
    """The card."""
    ended = evidence.trials[-_LATEST:]
    lost = [trial for trial in ended if trial.outcome == "failed"]
    if not lost:
        known = len(ended) >= _FEWEST
        says = say.none_failed(len(ended)) if known else say.few_ended(len(ended), _FEWEST)
        return HealthCard(question=say.ONE_BUG, state="good" if known else "unknown", says=says)
    alike = _largest_kind(lost)
    shown = alike or lost
    last = shown[-1].finished_at
    says = say.failed(len(lost), len(ended), len(alike), shown[-1].error, last)
    one = len(alike) >= _ALIKE * len(lost)
    state = _state(lost, ended, one=one)
    if state == "unknown":
        says = paragraph([says, say.no_telling()])
    return HealthCard(
        question=say.ONE_BUG,
        state=state,
        says=says,
        remedy=say.mend(evidence.study, one=one) if state in ("look", "bad") else "",
        trials=[trial.number for trial in shown[-_MOST_SHOWN:]],
    )


def _largest_kind(lost: list[Trained]) -> list[Trained]:
    """The failures with the commonest error; none where none says why."""
    kinds = Counter(same_error(trial.error) for trial in lost if trial.error)
    if not kinds:
        return []
    kind, _ = kinds.most_common(1)[0]
    return [trial for trial in lost if trial.error and same_error(trial.error) == kind]


def _state(lost: list[Trained], ended: tuple[Trained, ...], *, one: bool) -> HealthState:
    share = len(lost) / len(ended)
    in_a_row = len(ended) >= _IN_A_ROW and all(trial.outcome == "failed" for trial in ended[-_IN_A_ROW:])
    if in_a_row or (len(lost) > _FEW_FAILED and share > _MANY):
        return "bad"
    if len(lost) > _FEW_FAILED:
        return "look" if one or share > _SOME else "good"
    return "good" if share <= _SOME else "unknown"
