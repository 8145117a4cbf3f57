"""Reading what the health cards rest on. Under the engine's lock, a few milliseconds however long the history."""

from itertools import islice
from typing import cast

from lrtune.service.sentences.failures import error_line
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.health.evidence import Ended, Evidence, Lapse, OnLease, Trained
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.rate_prior import priors_of
from lrtune.service.tuning.trials.leases import ran_out
from lrtune.service.tuning.trials.replicates import repeated_by
from lrtune.service.wire.learning_rates import main_learning_rate

_FIRST, _LATEST, _BEST = 40, 300, 20
_MOST_RUNNING = 1_000
_LENGTH_BY = 20
"""Without `max_steps`, the longest of so many complete trials tells how long a full training is."""
_LONGEST_ERROR = 20_000


def look(study: StudyMirror, now: float, elapsed: float) -> Evidence:
    """What is known of a study; `now` in seconds since the epoch, `elapsed` by the clock that
    leases are judged by."""
    spec = study.spec
    assert spec is not None
    count = len(study.trials)
    sampled = [study.trials[number] for number in (*range(min(_FIRST, count)), *_latest(count))]
    return Evidence(
        study=study.name,
        spec=spec,
        full_steps=_full_steps(study),
        sign=-1.0 if study.maximizes else 1.0,
        trials=tuple(_trained(study, trial) for trial in sampled if trial.state.is_finished()),
        best=tuple(_trained(study, study.trials[number]) for _, number in study.ranking[:_BEST]),
        complete=len(study.ranking),
        running=tuple(_on_lease(trial, now, elapsed) for trial in islice(study.leased.values(), _MOST_RUNNING)),
        lapses=tuple(_lapse(trial) for trial in sampled if ran_out(trial)),
        trained_steps=study.tally.trained,
        diverged_steps=study.tally.spent_on_divergence,
        range_tests=tuple(test.shown for test in study.range_tests[-_BEST:]),
        rate=main_learning_rate(spec.search_space),
        has_prior=bool(priors_of(spec, study.system_attrs)),
        steps_are_folds=steps_are_folds(spec),
        now=now,
    )


def _latest(count: int) -> range:
    return range(max(min(_FIRST, count), count - _LATEST), count)


def _full_steps(study: StudyMirror) -> int | None:
    if study.spec is not None and study.spec.max_steps is not None:
        return study.spec.max_steps
    lengths = [study.trials[number].last_step for number in study.completed[-_LENGTH_BY:]]
    return max((length for length in lengths if length), default=None)


def _trained(study: StudyMirror, trial: TrialMirror) -> Trained:
    assert study.spec is not None
    work, outcome = trial.work, cast(Ended, trial.outcome)
    loss = trial.value if outcome == "complete" else None
    seconds = None
    if work is not None and work.leases == 1 and trial.started_at is not None and trial.finished_at is not None:
        seconds = max(0.0, trial.finished_at - trial.started_at)
    return Trained(
        number=trial.number,
        outcome=outcome,
        params=trial.params,
        loss=None if loss is None else -loss if study.maximizes else loss,
        curve=trial.intermediate,
        own=repeated_by(trial) is None and AGAIN_ATTR not in trial.system_attrs,
        full=outcome == "diverged" or not is_short(trial.system_attrs, study.spec.max_steps),
        worker=None if work is None else work.worker,
        error="" if work is None or outcome != "failed" else error_line((work.error or "")[-_LONGEST_ERROR:]),
        finished_at=trial.finished_at,
        seconds=seconds,
    )


def _on_lease(trial: TrialMirror, now: float, elapsed: float) -> OnLease:
    work = trial.work
    assert work is not None
    silent = 0.0 if work.reported_at is None else max(0.0, elapsed - work.reported_at)
    whole = work.leases == 1 and trial.started_at is not None
    return OnLease(
        number=trial.number,
        worker=work.worker or "",
        reports=len(trial.intermediate),
        seconds=max(0.0, now - (trial.started_at or now) - silent) if whole else None,
        silent_seconds=silent,
    )


def _lapse(trial: TrialMirror) -> Lapse:
    assert trial.work is not None
    return Lapse(trial.number, trial.work.worker or "")
