"""Whether a study may start another trial."""

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.schema.attributes import EXHAUSTED_ATTR
from lrtune.service.wire.trials import NoTrial

RETRY_SECONDS = 2.0
"""When a worker that got nothing should ask again, while others hold what is left."""

PAUSED_RETRY_SECONDS = 10.0

_AT_ONCE_SECONDS = 0.1


def ask_later() -> NoTrial:
    """The reply where others hold what is left."""
    return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)


def ask_at_once() -> NoTrial:
    """The reply where the study changed while the trial was drawn."""
    return NoTrial(done=False, retry_after_seconds=_AT_ONCE_SECONDS)


def is_finished(study: StudyFacts) -> bool:
    """Whether no trial will ever be handed out again, as things stand."""
    if study.stopped:
        return True
    return not study.in_hand and spent(study) is not None


def state_of(study: StudyFacts) -> str:
    """running, paused or finished."""
    if is_finished(study):
        return "finished"
    return "paused" if study.paused else "running"


def why_none(study: StudyMirror) -> NoTrial | None:
    """Why an ask gets no trial now; None where it gets one, or where it hangs on what the paused trials have earned.

    Budgets are exact: trials waiting and on lease have theirs reserved. A worker is told that all is done only when
    nothing is on lease any more, since a trial on lease may come back to be trained again, and when no trial is
    paused any more.
    """
    if study.stopped:
        return NoTrial(done=True, reason="stopped")
    used_up = spent(study)
    if study.waiting:
        if study.paused:
            return NoTrial(done=False, retry_after_seconds=PAUSED_RETRY_SECONDS)
        resumes = next(iter(study.waiting))
        work = study.trials[resumes].work
        if used_up == "max_total_steps" and (work is None or work.max_steps is None):
            return _later_or_done(study, "max_total_steps")
        return None
    if used_up is not None and not study.paused_trials:
        return _later_or_done(study, used_up)
    if study.paused:
        return NoTrial(done=False, retry_after_seconds=PAUSED_RETRY_SECONDS)
    return None


def _later_or_done(study: StudyMirror, reason: str) -> NoTrial:
    if study.leased:
        return ask_later()
    return NoTrial.model_validate({"done": True, "reason": reason})


def spent(study: StudyFacts) -> str | None:
    """The budget that is used up or reserved, if one is."""
    if study.max_trials is not None and study.tally.spent_trials >= study.max_trials:
        return "max_trials"
    spec = study.spec
    if study.max_total_steps is not None and spec is not None and spec.max_steps is not None:
        tally = study.tally
        if tally.trained + tally.reserved + spec.max_steps > study.max_total_steps:
            return "max_total_steps"
    if study.system_attrs.get(EXHAUSTED_ATTR):
        return "search_space_exhausted"
    return None


def affords(study: StudyMirror, trial: TrialMirror, *, resumable: bool) -> bool:
    """Whether the steps that a paused trial needs to its end are left: from its checkpoint for a `resumable` trainer,
    from its start for any other."""
    work, spec = trial.work, study.spec
    if study.max_total_steps is None or work is None or spec is None or spec.max_steps is None:
        return True
    begins = (work.checkpoint_step or 0) if resumable else 0
    tally = study.tally
    return tally.trained + tally.reserved + spec.max_steps - begins <= study.max_total_steps


def steps_used_up(study: StudyMirror) -> bool:
    """Whether the training steps of the budget have all been trained."""
    return study.max_total_steps is not None and study.tally.trained >= study.max_total_steps
