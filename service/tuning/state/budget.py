"""Whether a study may start another trial."""

from collections.abc import Iterator

from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.memory.summary import StudyFacts
from lrtune.service.storage.schema.attributes import EXHAUSTED_ATTR
from lrtune.service.tuning.state.failing import halt_of
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
    if study.in_hand and not _waits_in_vain(study):
        return False
    return spent(study) is not None


def _waits_in_vain(study: StudyFacts) -> bool:
    """Whether all that is in hand are trials that wait for steps that the budget no longer has."""
    if not isinstance(study, StudyMirror) or study.leased or study.paused_trials:
        return False
    return not any_affordable(study)


def state_of(study: StudyFacts) -> str:
    """running, paused or finished."""
    if is_finished(study):
        return "finished"
    return "paused" if study.paused or halt_of(study) is not None else "running"


def why_none(study: StudyMirror) -> NoTrial | None:
    """Why an ask gets no trial now; None where it gets one, or where it hangs on what the paused trials have earned.

    Budgets are exact: a lease has the steps to its end reserved, and a trial that waits is leased only where those it
    needs are left. A worker is told that all is done only when nothing is on lease any more, since a trial on lease may
    come back to be trained again, or leave steps to others, and when no trial is paused any more.
    """
    if study.stopped:
        return NoTrial(done=True, reason="stopped")
    used_up, halted = spent(study), halt_of(study) is not None
    if study.waiting and not study.paused and not halted and any_affordable(study):
        return None
    if used_up is not None and not study.waiting and not study.paused_trials:
        return _later_or_done(study, used_up)
    if study.paused:
        return NoTrial(done=False, retry_after_seconds=PAUSED_RETRY_SECONDS)
    if halted:
        return _later_or_done(study, "stopped").model_copy(update={"halted": not study.leased})
    if study.waiting and not study.paused_trials:
        return _later_or_done(study, "max_total_steps")
    return None


def _later_or_done(study: StudyMirror, reason: str) -> NoTrial:
    if study.leased:
        return ask_later()
    return NoTrial.model_validate({"done": True, "reason": reason})


def counted_trials(study: StudyFacts) -> int:
    """Trials that count against `max_trials`: in training, waiting or ended; failed ones only where the study says so.
    A place that a failure frees is taken by one other trial, since it is counted like any."""
    tally, spec = study.tally, study.spec
    return tally.spent_trials if spec is None or spec.failed_counts else tally.spent_trials - tally.failed_trials


def spent(study: StudyFacts) -> str | None:
    """The budget that is used up or reserved, if one is."""
    if study.max_trials is not None and counted_trials(study) >= study.max_trials:
        return "max_trials"
    spec = study.spec
    if study.max_total_steps is not None and spec is not None and spec.max_steps is not None:
        tally = study.tally
        if tally.trained + tally.reserved + tally.awaited + spec.max_steps > study.max_total_steps:
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
    begins = min(work.checkpoint_step or 0, trial.reached) if resumable else 0
    tally = study.tally
    return tally.trained + tally.reserved + tally.awaited + spec.max_steps - begins <= study.max_total_steps


def affordable(study: StudyMirror) -> Iterator[TrialMirror]:
    """The waiting trials whose steps to the end are left, in the order in which they are to be leased.

    What another one waits for is not held against a trial: who comes first is trained first.
    """
    for number in study.waiting:
        trial = study.trials[number]
        if fits(study, _needs(study, trial)):
            yield trial
        elif trial.work is None or not trial.work.leases:
            return  # It and all behind it were never begun, and need as many steps.


def any_affordable(study: StudyMirror) -> bool:
    """Whether there is one."""
    return next(affordable(study), None) is not None


def is_affordable(study: StudyMirror, trial: TrialMirror) -> bool:
    """Whether a waiting trial is one of them."""
    return fits(study, _needs(study, trial))


def fits(study: StudyMirror, steps: int) -> bool:
    """Whether the budget has so many training steps beside those that were trained and those reserved by leases."""
    total, tally = study.max_total_steps, study.tally
    return total is None or tally.trained + tally.reserved + steps <= total


def _needs(study: StudyMirror, trial: TrialMirror) -> int:
    if trial.work is not None and trial.work.max_steps is not None:
        return trial.steps_left
    return (study.spec.max_steps or 0) if study.spec is not None else 0  # As another process queued it.


def steps_used_up(study: StudyMirror) -> bool:
    """Whether the training steps of the budget have all been trained."""
    return study.max_total_steps is not None and study.tally.trained >= study.max_total_steps
