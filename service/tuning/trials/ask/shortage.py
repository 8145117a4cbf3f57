"""Trials that wait for more training steps than the budget has left: of attempts that were lost, or queued."""

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.tuning.state import budget
from lrtune.service.tuning.trials import leases
from lrtune.service.tuning.trials.standing import done_text
from lrtune.service.wire.trials import NoTrial


def why_none(change: Change) -> NoTrial | None:
    """Why an ask gets no trial now, as `budget.why_none` says it; trials for which the steps are not left, and will not
    be, are ended first."""
    study = change.study
    if study.waiting and not (study.leased or study.paused or study.stopped or budget.any_affordable(study)):
        for number in list(study.waiting):
            if study.trials[number].work is not None:  # Else another process queued it.
                _end(change, study.trials[number])
    nothing = budget.why_none(study)
    if nothing is None or nothing.reason is None:
        return nothing
    return nothing.model_copy(update={"explanation": done_text(study, nothing.reason)})


def _end(change: Change, trial: TrialMirror) -> None:
    """One that was given back unharmed has been trained in part; any other has failed."""
    work, total = trial.work, change.study.max_total_steps
    lost = work.error if work is not None else None
    left = (total or 0) - change.study.tally.trained
    told = f"max_total_steps has {left} of {total} left, too few to train it; raise it, and enqueue its params again"
    harmless = work is not None and work.leases > 0 and lost is None
    leases.finish(change, trial, "pruned" if harmless else "failed", error=f"{lost}; {told}" if lost else told)
