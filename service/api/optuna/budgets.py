"""Trials that Optuna scripts begin and queue, within the budgets of studies that lrtune made.

They count as those of workers do, and are begun under the same lock: so `max_trials` is exact, whoever asks. They have
no lease, so that nobody takes one back whose script has died.
"""

from lrtune.service.api.optuna.shown import ShownStorage
from lrtune.service.sentences import study as say
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror, Work
from lrtune.service.tuning.state.budget import is_affordable, spent
from lrtune.service.tuning.trials.standing import halted_text


class NotBegun(Exception):
    """A study lets no trial begin, or be queued; the text names it, why, and what to do."""


class BudgetedStorage(ShownStorage):
    """Begins and queues no trial beyond the budget of a study, nor begins one while it is paused. A study that Optuna
    made has no budget. Raises NotBegun."""

    def _begun(self, change: Change, trial: TrialMirror, *, runs: bool) -> Work | None:
        study = change.study
        if study.spec is None:
            return trial.work
        why = _why_not(study, trial, runs=runs)
        if why is not None:
            raise NotBegun(f"study {study.name!r}: {why}")
        return trial.work or Work(max_steps=study.spec.max_steps)


def _why_not(study: StudyMirror, trial: TrialMirror, *, runs: bool) -> str | None:
    """Why it is not begun, or not queued: in the order of `tuning.state.budget.why_none`."""
    if study.stopped:
        return say.stopped(study.name, len(study.leased))
    budget = spent(study)
    if trial.work is not None:  # It was queued within the budget, but for its steps.
        budget = None if is_affordable(study, trial) else "max_total_steps"
    if budget == "search_space_exhausted":
        return say.exhausted()
    if budget is not None:
        return say.no_other(study.name, budget, getattr(study, budget))
    if not runs:
        return None
    if study.paused:
        return say.paused(study.name, len(study.leased))
    return halted_text(study)
