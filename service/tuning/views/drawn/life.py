"""What became of a trial over time. Under the engine's lock."""

from typing import Literal

from lrtune.service.pictures.trial.life import Life, Stretch
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.suggesting.shown_trials import outcome_of
from lrtune.service.tuning.trials.fence import find_trial
from lrtune.service.tuning.trials.life import events_of


def life_of(study: StudyMirror, number: int, now: float) -> Life:
    """The trial's leases and what lay between them, up to `now`, in seconds since the epoch. Raises TrialNotFound."""
    trial = find_trial(study, number)
    leases = trial.work.leases if trial.work is not None else 0
    state = outcome_of(study, trial)[0]
    return Life(study.name, number, state, leases, _stretches(trial, state, now))


def _stretches(trial: TrialMirror, state: str, now: float) -> list[Stretch]:
    if trial.started_at is None:
        return []
    found: list[Stretch] = []
    since, idle = trial.started_at, None  # `idle`: why no worker has it, while none has.
    kind: Literal["waiting", "paused"]
    for event in events_of(trial):
        at = max(event.at, since)
        if event.what == "leased":
            if idle is not None:
                found.append(Stretch(idle, since, at, idle))
            idle = None
        else:
            if idle is None:
                found.append(Stretch("leased", since, at, event.what, event.worker, event.attempt))
            kind = "paused" if event.what == "paused" else "waiting"
            idle = kind
        since = at
    end = max(trial.finished_at or now, since)
    if idle is not None:
        found.append(Stretch(idle, since, end, idle))
    elif trial.work is not None and trial.work.leases:
        found.append(Stretch("leased", since, end, state, trial.work.worker or "", trial.work.attempt))
    return found
