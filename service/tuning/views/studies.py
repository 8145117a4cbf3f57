"""What the outside sees of a study and its trials, from the mirror. All of it under the engine's lock."""

from datetime import UTC, datetime

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import AGAIN_ATTR, FIXED_ATTR
from lrtune.service.tuning.fidelity.short_trainings import count_short, short_trainings_of
from lrtune.service.tuning.state.budget import state_of
from lrtune.service.tuning.state.outcomes import explanation_of, standard_error_of
from lrtune.service.tuning.state.rate_prior import prior_of
from lrtune.service.tuning.suggesting.diagnosis import diagnose_trial
from lrtune.service.tuning.suggesting.suggestion import latest
from lrtune.service.tuning.trials.leases import find_trial
from lrtune.service.tuning.trials.replicates import repeated_by
from lrtune.service.wire.studies import BestTrial, StepCounts, Study, StudyStatus, TrialCounts
from lrtune.service.wire.trials import Checkpoint, Report, Trial, TrialWithCurve


def study_view(study: StudyMirror) -> Study:
    """The study as `GET /v1/studies/{study}` shows it: its spec, with what was changed since."""
    spec = study.spec
    assert spec is not None
    fields = {name: getattr(spec, name) for name in type(spec).model_fields}
    fields |= {
        "max_trials": study.max_trials,
        "max_total_steps": study.max_total_steps,
        "description": study.description,
        "prior": prior_of(spec, study.system_attrs),
        "short_trainings": short_trainings_of(spec, study.system_attrs),
        "paused": study.paused,
        "stopped": study.stopped,
        "state": state_of(study),
        "trials": len(study.trials),
        "created_at": _time(study.created_at),
    }
    return Study.model_construct(**fields)


def status_view(study: StudyMirror) -> StudyStatus:
    """What a dashboard polls."""
    best, tally = study.best, study.tally
    shown = None
    if best is not None and best.value is not None:
        shown = BestTrial(
            trial=best.number, value=best.value, standard_error=standard_error_of(best), params=best.params
        )
    updated_at = _time(study.updated_at)
    assert updated_at is not None
    return StudyStatus.model_validate(
        {
            "study": study.name,
            "version": study.version,
            "state": state_of(study),
            "trials": TrialCounts(**tally.outcomes),
            "best": shown,
            "suggestion": latest(study),
            "workers": len({t.work.worker for t in study.leased.values() if t.work is not None}),
            "steps": StepCounts(
                trained=tally.trained,
                saved_by_pruning=tally.saved_by_pruning,
                spent_on_divergence=tally.spent_on_divergence,
            ),
            "short_trainings": count_short(study),
            "updated_at": updated_at,
        }
    )


def trial_view(trial: TrialMirror) -> Trial:
    """A trial without its curve."""
    return Trial.model_validate(_trial_fields(trial))


def trial_with_curve(study: StudyMirror, number: int) -> TrialWithCurve:
    """A trial with its curve, by step, and what that says. Raises TrialNotFound."""
    trial = find_trial(study, number)
    curve = [Report(step=step, value=value) for step, value in sorted(trial.intermediate.items())]
    fields = {**_trial_fields(trial), "curve": curve, "diagnosis": diagnose_trial(study, trial)}
    return TrialWithCurve.model_validate(fields)


def _trial_fields(trial: TrialMirror) -> dict[str, object]:
    work = trial.work
    checkpoint = None
    if work is not None and work.checkpoint_uri is not None and work.checkpoint_step is not None:
        checkpoint = Checkpoint(uri=work.checkpoint_uri, step=work.checkpoint_step)
    duration = None
    if trial.started_at is not None and trial.finished_at is not None:
        duration = round(trial.finished_at - trial.started_at, 6)
    return {
        "number": trial.number,
        "state": trial.outcome,
        "params": trial.params or dict(trial.system_attrs.get(FIXED_ATTR, {})),
        "value": trial.value,
        "standard_error": standard_error_of(trial),
        "attempt": work.attempt if work is not None else 0,
        "repeats": repeated_by(trial),
        "again": trial.system_attrs.get(AGAIN_ATTR),
        "worker": work.worker if work is not None else None,
        "step": trial.last_step,
        "max_steps": work.max_steps if work is not None else None,
        "checkpoint": checkpoint,
        "error": work.error if work is not None else None,
        "explanation": explanation_of(trial) if work is not None and work.stop_reason is not None else None,
        "started_at": _time(trial.started_at),
        "finished_at": _time(trial.finished_at),
        "duration_seconds": duration,
    }


def _time(epoch: float | None) -> datetime | None:
    return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
