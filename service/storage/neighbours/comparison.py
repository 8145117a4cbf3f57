"""A study as it is here against what the database holds: what of it somebody else has changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import TrialState

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror

_LOOKED_AT_ONCE = 10_000
_MAX_FOLLOWED = 500
"""Running trials without a lease that are read at each look; of the others only the end is noticed."""


@dataclass
class KnownStudy:
    """A study as it was when a look began, and what the look then found in the database."""

    study: StudyMirror
    largest_id: int
    unfinished: dict[int, tuple[TrialMirror, TrialState, object]]
    """By id: each trial, its state then, and its mark."""
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    new: list[TrialMirror] = field(default_factory=list)
    changed: list[TrialMirror] = field(default_factory=list)
    found_attrs: tuple[dict[str, Any], dict[str, Any]] | None = None


@dataclass
class _Unfinished:
    """The trials that had not finished, by id, of the first `upto`: each finished one is looked at once."""

    upto: int = 0
    trials: dict[int, TrialMirror] = field(default_factory=dict)


def look_through(study: StudyMirror) -> bool:
    """Go on looking for the study's unfinished trials, at so many that it takes some milliseconds; whether there are
    more to look at. Under the lock."""
    before = study.derived(_Unfinished)
    until = min(before.upto + _LOOKED_AT_ONCE, len(study.trials))
    for trial in study.trials[before.upto : until]:
        if not trial.state.is_finished():
            before.trials[trial.trial_id] = trial
    before.upto = until
    return until < len(study.trials)


def known_study(study: StudyMirror) -> KnownStudy:
    """The study as it is now. Under the lock."""
    before = study.derived(_Unfinished)
    candidates = [*before.trials.values(), *study.trials[before.upto :]]
    unfinished = {trial.trial_id: trial for trial in candidates if not trial.state.is_finished()}
    before.upto, before.trials = len(study.trials), unfinished
    return KnownStudy(
        study,
        study.trials[-1].trial_id if study.trials else 0,
        {trial_id: (trial, trial.state, trial.mark()) for trial_id, trial in unfinished.items()},
        study.user_attrs,
        study.system_attrs,
    )


def suspects(known: KnownStudy, states: dict[int, TrialState]) -> Iterator[int]:
    """The unfinished trials that may not be as we know them, at most so many."""
    followed = 0
    for trial_id, (trial, was, _) in known.unfinished.items():
        state = states.get(trial_id)
        if state is None:
            continue
        if state is not was:
            yield trial_id
        elif state is TrialState.RUNNING and not (trial.work is not None and trial.work.leased):
            followed += 1
            if followed <= _MAX_FOLLOWED:
                yield trial_id


def differs(known: KnownStudy, found: TrialMirror) -> bool:
    """Whether somebody else has changed the trial, as `found` in the database."""
    trial, _, mark = known.unfinished[found.trial_id]
    if not trial.is_unchanged_since(mark):  # Changed here since the look began; the next look compares anew.
        return False
    if trial.work is not None and trial.work.leased and found.state is TrialState.RUNNING:
        return False
    return _contents(trial) != _contents(found)


def _contents(trial: TrialMirror) -> str:
    """All that a neighbour can change, as text: nan equals nan there."""
    curve = sorted(trial.intermediate.items())
    attrs = (sorted(trial.user_attrs.items()), sorted(trial.system_attrs.items()))
    return repr((trial.state, trial.params, trial.values, curve, attrs))


def unlike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two sets of attributes differ; nan equals nan."""
    return repr(sorted(one.items())) != repr(sorted(other.items()))


def take_over(study: StudyMirror, known: TrialMirror, found: TrialMirror) -> None:
    """Make a trial as the database has it."""
    if study.recent is not None:
        for step, value in found.intermediate.items():
            if repr(known.intermediate.get(step)) != repr(value):
                study.note(known, step)
        study.note(known, begun=found.params != known.params or found.state is not known.state)
    study.count_out(known)
    known.touch()
    known.state, known.values = found.state, found.values
    known.params, known.distributions = found.params, found.distributions
    known.intermediate = found.intermediate
    known.user_attrs, known.system_attrs = found.user_attrs, found.system_attrs
    known.started_at, known.finished_at = found.started_at, found.finished_at
    known.measure_curve()
    study.count_in(known)
    study.rank(known)
