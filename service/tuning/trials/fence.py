"""Who may write to a trial: the worker that has its current lease, and nobody else.

A lease that lapsed may have an owner still, who trained on and could not reach the service. For as long as nobody else
was given the trial, it is good again for whoever comes back with it (docs/decisions/0013-lapsed-leases.md).

Under the engine's lock.
"""

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.errors import LeaseLost, TrialNotFound
from lrtune.service.tuning.state.budget import fits
from lrtune.service.tuning.trials.leases import ran_out, take_up_again


def find_trial(study: StudyMirror, number: int) -> TrialMirror:
    """The trial of that number. Raises TrialNotFound."""
    if not 0 <= number < len(study.trials):
        raise TrialNotFound(study.name, number, len(study.trials))
    return study.trials[number]


def held_trial(study: StudyMirror, number: int, lease: str) -> TrialMirror:
    """The trial that `lease` is the current lease of, or the lapsed one that may be taken up again: `renew` does that.
    Raises TrialNotFound, LeaseLost.

    A lease past its time is good for as long as nobody took the trial back.
    """
    trial = find_trial(study, number)
    work = trial.work
    if work is None or work.lease != lease or not (work.leased or _may_come_back(study, trial)):
        raise LeaseLost(_why_lost(study, trial, lease))
    return trial


def renew(change: Change, trial: TrialMirror) -> None:
    """Give a lease that is held its full time again, from now on; one that lapsed is taken up again."""
    assert trial.work is not None
    assert change.study.spec is not None
    if not trial.work.leased:
        take_up_again(change, trial)
    trial.work.expires_at = change.elapsed + change.study.spec.lease_ttl_seconds


def _may_come_back(study: StudyMirror, trial: TrialMirror) -> bool:
    """Whether the trial waits since its latest lease lapsed, and the budget has the steps to its end: those that
    others were given meanwhile are not given twice."""
    return _lapsed(trial) and fits(study, _to_the_end(trial))


def _lapsed(trial: TrialMirror) -> bool:
    return trial.state is TrialState.WAITING and ran_out(trial)


def _to_the_end(trial: TrialMirror) -> int:
    work = trial.work
    return 0 if work is None or work.max_steps is None else max(0, work.max_steps - trial.reached)


def _why_lost(study: StudyMirror, trial: TrialMirror, lease: str) -> str:
    work = trial.work
    remedy = "stop training it"
    if trial.state.is_finished():
        return f"trial {trial.number} is {trial.outcome} already; {remedy}"
    if trial.state is TrialState.WAITING:
        if work is not None and work.lease == lease and _lapsed(trial):
            return (
                f"the lease on trial {trial.number} has expired, and max_total_steps of study {study.name} has no "
                f"longer the {_to_the_end(trial)} steps to its end; {remedy}"
            )
        return f"the lease on trial {trial.number} has expired or was given back; {remedy}"
    holder = f" and is held by {work.worker} now" if work is not None and work.worker else ""
    return f"the lease on trial {trial.number} is not the current one: it was handed out again{holder}; {remedy}"
