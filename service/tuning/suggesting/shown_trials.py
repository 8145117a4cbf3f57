"""Which trials of a study are shown on pictures, and what they came to. At most some thousand are looked at."""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice, takewhile
from typing import cast

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.fidelity.short_trainings import count_short, is_short, ladder_of
from lrtune.service.tuning.state.folds import mean_of_folds, steps_are_folds
from lrtune.service.wire.responses import PointState

_MOST = 300
"""Trials of each state."""
_LATEST = 1_000
_SOUGHT = ("pruned", "diverged", "failed", "running")
"""Outcomes that are looked for among the latest so many."""


def shown_trials(study: StudyMirror) -> list[TrialMirror]:
    """Complete trials evenly over the ranking, the best among them, and of each other state the latest."""
    ranked = len(study.ranking)
    places = range(ranked) if ranked <= _MOST else [index * ranked // _MOST for index in range(_MOST)]
    shown = [study.trials[study.ranking[place][1]] for place in places]
    taken: Counter[str] = Counter()
    for trial in reversed(study.trials[-_LATEST:]):
        taken[trial.outcome] += 1
        if trial.outcome in _SOUGHT and taken[trial.outcome] <= _MOST:
            shown.append(trial)
    early = islice((number for number in study.leased if number < study.trial_count - _LATEST), _MOST)
    numbers = (*early, *islice(reversed(study.paused_trials), _MOST), *islice(_begun(study), _MOST))
    shown += [study.trials[number] for number in numbers]
    full = study.spec.max_steps if study.spec is not None else None
    short = [t for t in ladder_of(study) if t.outcome == "complete" and is_short(t.system_attrs, full)]
    return shown + short[-_MOST:]


def _begun(study: StudyMirror) -> Iterator[int]:
    """Numbers of the trials that wait for their next attempt; they stand before those never begun."""
    return takewhile(lambda number: study.trials[number].last_step is not None, study.waiting)


def counts_of(study: StudyMirror) -> dict[str, int]:
    """The begun trials of a study by what they came to."""
    outcomes, short = study.tally.outcomes, count_short(study)
    counts = {
        "complete": outcomes["complete"] - short,
        "short": short,
        **{state: outcomes[state] for state in ("pruned", "diverged", "failed", "running")},
        "paused": len(study.paused_trials),
        "waiting": sum(1 for _ in _begun(study)),
    }
    return {state: count for state, count in counts.items() if count}


def outcome_of(study: StudyMirror, trial: TrialMirror) -> tuple[PointState, float | None]:
    """What a trial came to, and its final value; where it is not complete the last one reported, or the mean of its
    folds. None where there is none, and where the trial diverged."""
    assert study.spec is not None
    folds = steps_are_folds(study.spec)
    state = trial.outcome
    if state == "complete" and is_short(trial.system_attrs, study.spec.max_steps):
        state = "short"
    elif trial.paused:
        state = "paused"
    value = trial.value
    if value is None and trial.last_step is not None:
        value = mean_of_folds(trial.intermediate) if folds else trial.intermediate.get(trial.last_step)
    if state == "diverged" or (state != "complete" and value is not None and not math.isfinite(value)):
        value = None
    return cast(PointState, state), value
