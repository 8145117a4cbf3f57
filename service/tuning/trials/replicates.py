"""Finalists, and training them again: the best of many trials is partly luck.

With `replicates` the last part of `max_trials` goes to the best configurations, each trained so many times more. A
repeated trial has the parameters of the one it repeats and a number of its own, by which tasks are seeded.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import REPEATS_ATTR, whole_number
from lrtune.service.tuning.state.budget import counted_trials, spent
from lrtune.service.tuning.state.space.params import without_rounding
from lrtune.service.tuning.trials import leases
from lrtune.service.wire.trials import Ask

_MOST_FINALISTS = 3
_LOOKED_AT = 100


@dataclass
class _Repeats:
    """The trials that repeat each one, by its number, among the first `upto`."""

    upto: int = 0
    numbers: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Finalist:
    """A configuration: the trial it began with, and the mean loss (lower is better; inf where one diverged) of its
    `trainings`, those that ended."""

    number: int
    params: Mapping[str, Any]
    loss: float
    trainings: int


def finalists(study: StudyMirror) -> list[Finalist]:
    """The best configurations, best first; those trained more than once before the others, if there are any.

    Under the engine's lock. Looks at the best hundred trials alone.
    """
    repeats = _index(study)
    numbers = dict.fromkeys(repeats_of(study.trials[number]) for _, number in study.ranking[:_LOOKED_AT])
    found = [_finalist(study, number, repeats.get(number, ())) for number in numbers]
    return sorted(found, key=lambda one: (one.trainings < 2, one.loss))


def _finalist(study: StudyMirror, number: int, repeats: tuple[int, ...] | list[int]) -> Finalist:
    sign = -1.0 if study.maximizes else 1.0
    losses = []
    for member in (study.trials[number], *(study.trials[other] for other in repeats)):
        if member.outcome == "complete" and member.value is not None:
            losses.append(sign * member.value)
        elif member.outcome == "diverged":
            losses.append(math.inf)
    loss = sum(losses) / len(losses) if losses else math.inf
    return Finalist(number, study.trials[number].params, loss, len(losses))


def repeats_of(trial: TrialMirror) -> int:
    """The number of the trial that this one repeats; its own where it repeats none."""
    number = repeated_by(trial)
    return trial.number if number is None else number


def repeated_by(trial: TrialMirror) -> int | None:
    """The number of the trial that this one repeats; None where it repeats none."""
    number = whole_number(trial.system_attrs, REPEATS_ATTR)
    return number if number is not None and number < trial.number else None


def _index(study: StudyMirror) -> dict[int, list[int]]:
    """The trials that repeat each one, by its number. Each trial is looked at once."""
    if study.spec is None or not study.spec.replicates:
        return {}
    known = study.derived(_Repeats)
    for trial in study.trials[known.upto :]:
        repeated = repeated_by(trial)
        if repeated is not None:
            known.numbers.setdefault(repeated, []).append(trial.number)
    known.upto = len(study.trials)
    return known.numbers


def to_repeat(study: StudyMirror) -> TrialMirror | None:
    """The trial to be trained again now; None while it is not the turn of replicates.

    Those are the last of `max_trials`: so many for each of at most three finalists, and half of the budget at most.
    The finalist that was repeated least goes first. A repeat that failed is made up for.
    """
    spec, most = study.spec, study.max_trials
    if spec is None or not spec.replicates or most is None or not study.ranking or spent(study) is not None:
        return None
    count = min(_MOST_FINALISTS, most // (2 * spec.replicates))
    if most - counted_trials(study) > count * spec.replicates:
        return None
    repeats = _index(study)
    numbers = list(dict.fromkeys(repeats_of(study.trials[number]) for _, number in study.ranking[:_LOOKED_AT]))
    begun = {
        number: sum(study.trials[other].state is not TrialState.FAIL for other in repeats.get(number, ()))
        for number in numbers
    }
    left = [number for number in numbers if begun[number] < spec.replicates]
    first = [number for number in numbers[:count] if number in left]
    chosen = min(first, key=begun.__getitem__) if first else next(iter(left), None)
    return None if chosen is None else study.trials[chosen]


def lease_repeat(change: Change, ask: Ask, repeated: TrialMirror, trial_id: int) -> TrialMirror:
    """A new trial with the parameters of `repeated`, on lease: one change, so that each repeat is made once."""
    spec = change.study.spec
    assert spec is not None
    trial = TrialMirror(trial_id, len(change.study.trials), TrialState.RUNNING)
    space = spec.search_space
    trial.params = {n: without_rounding(space[n], v) if n in space else v for n, v in repeated.params.items()}
    trial.distributions = repeated.distributions
    trial.system_attrs = {REPEATS_ATTR: repeats_of(repeated)}
    trial.started_at = change.now
    trial.work = leases.new_work(ask, spec.max_steps, change.elapsed, spec.lease_ttl_seconds)
    change.add_trial(trial)
    return trial
