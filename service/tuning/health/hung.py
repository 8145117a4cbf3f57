"""Is a worker hung?

A lease that is renewed says that a process lives, not that it trains. A trial that has reported before is held against
the slowest pace of the latest trials (and its own), one that has not against the longest of their trainings as a whole:
a start may take long. A silence shorter than a lease's time is none. And leases that run out again and again with the
same worker.
"""

from collections import Counter
from dataclasses import dataclass

from lrtune.service.sentences.health import hung as say
from lrtune.service.sentences.words import paragraph
from lrtune.service.tuning.health.evidence import Evidence, OnLease
from lrtune.service.wire.health import HealthCard, HealthState

_LONG, _TOO_LONG = 10, 30
"""Times the slowest pace."""
_LONG_START = 2
"""Times the longest training."""
_FEWEST_TRIALS, _FEWEST_REPORTS = 3, 3
_FEWEST_LAPSES, _MANY_LAPSES = 3, 6
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Silence:
    """That of a trial in training: how many times as long as what is long, what is usual in seconds, and whether it has
    `reported` before: then between two reports, else of whole trainings."""

    trial: OnLease
    times: float
    usual: float
    reported: bool

    @property
    def hangs(self) -> bool:
        """Whether it is too long."""
        return self.times >= 1


def hung(evidence: Evidence) -> HealthCard:
    """The card."""
    lapses = Counter(lapse.worker for lapse in evidence.lapses)
    worker, many = next(iter(lapses.most_common(1)), ("", 0))
    if not evidence.running and many < _FEWEST_LAPSES:
        return HealthCard(question=say.HUNG, state="unknown", says=say.none_on_lease())
    judged = silences(evidence)
    silent = [one for one in judged if one.hangs]
    facts, trials, told = [], [], worker
    state: HealthState = "good"
    if silent:
        worst = max(silent, key=lambda one: one.times)
        on, since = worst.trial, evidence.now - worst.trial.silent_seconds
        facts += [say.silent(on.worker, on.number, since, worst.usual, reported=worst.reported)]
        facts += [say.more_silent(len(silent) - 1)]
        state, told = "bad" if worst.times >= _TOO_LONG / _LONG else "look", on.worker
        trials += [one.trial.number for one in silent]
    if many >= _FEWEST_LAPSES:
        facts += [say.leases_lost(worker, many)]
        state = "bad" if many >= _MANY_LAPSES or state == "bad" else "look"
        trials += [lapse.number for lapse in evidence.lapses if lapse.worker == worker]
    if facts:
        remedy = say.look_at_worker(told)
        shown = list(dict.fromkeys(trials))[:_MOST_SHOWN]
        return HealthCard(question=say.HUNG, state=state, says=paragraph(facts), remedy=remedy, trials=shown)
    if not judged:
        return HealthCard(question=say.HUNG, state="unknown", says=say.pace_unknown(len(evidence.running)))
    says = say.all_report(len(evidence.running), max(one.usual for one in judged))
    return HealthCard(question=say.HUNG, state="good", says=says)


def silences(evidence: Evidence) -> list[Silence]:
    """Those of the trials in training, of which it is known how long is usual."""
    pace, whole = _usual(evidence)
    floor = evidence.spec.lease_ttl_seconds
    return [found for one in evidence.running if (found := _judge(one, pace, whole, floor)) is not None]


def _paced(one: OnLease) -> bool:
    return one.reports > 0


def _usual(evidence: Evidence) -> tuple[float | None, float | None]:
    """The slowest time between two reports and the longest training of the latest trials, in seconds."""
    timed = [t for t in evidence.trials if t.seconds is not None and t.curve and t.outcome in ("complete", "pruned")]
    if len(timed) < _FEWEST_TRIALS:
        return None, None
    wholes = [trial.seconds or 0.0 for trial in timed]
    return max(whole / len(trial.curve) for whole, trial in zip(wholes, timed, strict=True)), max(wholes)


def _judge(one: OnLease, pace: float | None, whole: float | None, floor: float) -> Silence | None:
    """Its silence; None where it is not known what is usual."""
    if _paced(one):
        own = one.seconds / one.reports if one.seconds is not None and one.reports >= _FEWEST_REPORTS else None
        usual = max((known for known in (pace, own) if known is not None), default=None)
        long = None if usual is None else _LONG * usual
    else:
        usual, long = whole, None if whole is None else _LONG_START * whole
    if usual is None or long is None:
        return None
    return Silence(one, one.silent_seconds / max(long, floor), usual, _paced(one))
