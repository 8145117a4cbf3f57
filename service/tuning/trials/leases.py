"""The lease state machine: who may write to a trial, and what becomes of it.

    waiting ──lease──▶ running ──finish──▶ complete | pruned | diverged | failed
       ▲               │  ▲  │
       └──requeue──────┘  │  └─requeue, told to pause─▶ paused ──finish──▶ pruned
                          └────────promote────────────────┘

    requeue: expired or broken off, the next attempt; released unharmed, the same one. A paused trial waits, too, but is
    leased again only once it has earned more steps; it ends where no step is left for it. One whose lease expired goes
    on in the same lease where its worker comes back before anybody else had it (`fence`).

Every function here alters one trial within a change, under the engine's lock.
"""

import logging
import math
import secrets
from collections.abc import Sequence
from dataclasses import replace

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import TrialMirror, Work
from lrtune.service.storage.memory.trial import PAUSED
from lrtune.service.storage.schema.attributes import (
    DIVERGED_ATTR,
    LAPSED_ATTR,
    OUTCOME_ATTR,
    PAUSE_AT_ATTR,
    whole_number,
)
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.history import recording
from lrtune.service.tuning.state.failing import note_failure
from lrtune.service.tuning.state.folds import mean_of_folds, steps_are_folds
from lrtune.service.tuning.trials.life import note
from lrtune.service.wire.trials import Ask, Checkpoint, LeasedTrial, Report

_log = logging.getLogger(__name__)

_STATES = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "diverged": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def new_work(ask: Ask, max_steps: int | None, now: float, ttl_seconds: float, old: Work | None = None) -> Work:
    """The lease of an ask: the next attempt where the old one was lost, else the first or the same."""
    base = old or Work()
    given_back = old is not None and old.attempt > 0 and old.error is None
    return replace(
        base,
        attempt=base.attempt if given_back else base.attempt + 1,
        leases=base.leases + 1,
        leased=True,
        lease=secrets.token_urlsafe(16),
        worker=ask.worker,
        request_id=ask.request_id,
        max_steps=max_steps,
        anneals=ask.anneals,
        resumable=ask.resumable,
        resumed_from=base.checkpoint_step,
        stop_reason=None,
        error=None,
        expires_at=now + ttl_seconds,
        reported_at=now,
        leased_at=now,
    )


def lease_again(change: Change, trial: TrialMirror, ask: Ask, max_steps: int | None, ttl_seconds: float) -> None:
    """Lease a waiting trial. Reports past its last checkpoint are put away: those steps will be trained again."""
    work = trial.work or Work()
    if work.leases:
        kept = -1 if work.checkpoint_step is None else work.checkpoint_step
        lost = max(0, trial.reached - max(kept, 0))
        change.supersede_after(trial, kept)
        work = replace(work, lost_steps=work.lost_steps + lost)
    renewed = new_work(ask, max_steps, change.elapsed, ttl_seconds, work)
    change.study.remember_request(ask.request_id, trial.number)
    change.set_state(trial, TrialState.RUNNING, work=renewed)
    if renewed.leases > 1:
        note(change, trial, "leased")


def renew_as_asked(change: Change, trial: TrialMirror, ask: Ask, ttl_seconds: float) -> bool:
    """Whether the trial is still on the lease that an earlier copy of this request was given; who gets it only now has
    its full time. A lease that has ended is not handed out again: the ask is a new one then."""
    work = trial.work
    if work is None or not work.leased or work.request_id != ask.request_id:
        return False
    work.expires_at = change.elapsed + ttl_seconds
    return True


def begin_anew(change: Change, trial: TrialMirror, reports: Sequence[Report]) -> bool:
    """Whether a trainer shows by its reports that it began at step 0, not at the checkpoint that it was given, which it
    could not read perhaps: then it is as if there had been none."""
    work = trial.work
    if work is None or work.resumed_from is None or all(report.step >= work.resumed_from for report in reports):
        return False
    lost = work.lost_steps + trial.reached
    change.supersede_after(trial, -1, lease_number=work.leases - 1)
    anew = replace(work, resumed_from=None, checkpoint_uri=None, checkpoint_step=None, lost_steps=lost)
    change.set_work(trial, anew)
    return True


def promote(
    change: Change, trial: TrialMirror, ask: Ask, max_steps: int | None, ttl_seconds: float, target: int
) -> None:
    """Lease a paused trial, up to the step `target`. One who cannot resume it trains it from its start."""
    assert trial.work is not None
    if not ask.resumable:
        change.set_work(trial, replace(trial.work, checkpoint_uri=None, checkpoint_step=None))
    change.set_trial_attr(trial, PAUSE_AT_ATTR, target, system=True)
    lease_again(change, trial, ask, max_steps, ttl_seconds)


def finish(
    change: Change, trial: TrialMirror, outcome: str, value: float | None = None, error: str | None = None
) -> None:
    """End a trial. `value` is the final value of a complete one; a pruned one keeps its last report, or
    the mean of its folds, where that is finite."""
    values = None
    if outcome == "complete" and value is not None:
        values = [value]
    elif outcome == "pruned" and trial.last_step is not None:
        folds = change.study.spec is not None and steps_are_folds(change.study.spec)
        last = mean_of_folds(trial.intermediate) if folds else trial.intermediate[trial.last_step]
        values = [last] if math.isfinite(last) else None
    elif outcome == "diverged":
        change.set_trial_attr(trial, DIVERGED_ATTR, 1.0, system=True)
        change.set_trial_attr(trial, OUTCOME_ATTR, "diverged", system=True)
    work = replace(trial.work, leased=False, error=error, expires_at=math.inf) if trial.work else None
    state, spec = _STATES[outcome], change.study.spec
    if outcome == "complete" and spec is not None and is_short(trial.system_attrs, spec.max_steps):
        change.set_trial_attr(trial, OUTCOME_ATTR, "complete", system=True)
        state = TrialState.PRUNED  # No full training: nobody is to take its value for one.
    change.set_state(trial, state, values=values, work=work)
    recording.note(change, trial)


def requeue(change: Change, trial: TrialMirror, *, lost: str | None) -> None:
    """Put a trial back into the queue: `lost` says how its attempt was lost, None that it was given back.

    One that had been told to stop is over instead. One that had been told to pause waits for its promotion, in the
    same attempt however it came back: all that was asked of that one was done.
    """
    assert trial.work is not None
    if trial.work.stop_reason == PAUSED:
        lost = None
    elif trial.work.stop_reason is not None:
        finish(change, trial, "diverged" if trial.work.stop_reason == "diverged" else "pruned")
        return
    note(change, trial, "paused" if trial.work.stop_reason == PAUSED else "given back" if lost is None else "lost")
    work = replace(trial.work, leased=False, error=lost, expires_at=math.inf)
    change.set_state(trial, TrialState.WAITING, work=work)


def expire(change: Change, trial: TrialMirror, max_attempts: int) -> None:
    """End a lease that was not renewed in time."""
    work = trial.work
    assert work is not None
    change.set_trial_attr(trial, LAPSED_ATTR, work.leases, system=True)
    lost = f"{work.worker} did not renew the lease of attempt {work.attempt} in time"
    lose(change, trial, max_attempts, lost, line="lease expired")


def ran_out(trial: TrialMirror) -> bool:
    """Whether the trial's latest lease ended since it was not renewed, and was not taken up again."""
    return trial.work is not None and whole_number(trial.system_attrs, LAPSED_ATTR) == trial.work.leases


def take_up_again(change: Change, trial: TrialMirror) -> None:
    """Go on with the lease that `ran_out`: the same attempt, with the curve as it is."""
    work = trial.work
    assert work is not None
    change.set_trial_attr(trial, LAPSED_ATTR, None, system=True)  # Once given back, its token opens nothing any more.
    note(change, trial, "leased")
    now, asked = change.elapsed, work.request_id
    known = asked is not None and change.study.requests.get(asked) == trial.number
    renewed = replace(
        work, leased=True, error=None, request_id=asked if known else None, reported_at=now, leased_at=now
    )
    change.set_state(trial, TrialState.RUNNING, work=renewed)
    seen = {"study": change.study.name, "trial": trial.number, "attempt": work.attempt, "worker": work.worker}
    _log.info("lapsed lease taken up again", extra=seen)


def lose(change: Change, trial: TrialMirror, max_attempts: int, lost: str, *, line: str = "attempt lost") -> None:
    """End an attempt that was lost, as `lost` says, and log it with that line.

    A trial that had been told to stop is over, one that had been told to pause is paused; any other is trained again,
    up to `max_attempts` times.
    """
    work = trial.work
    assert work is not None
    if work.attempt >= max_attempts and work.stop_reason is None:
        finish(change, trial, "failed", error=f"{lost}; it was attempt {work.attempt} of {max_attempts}")
        note_failure(change, trial)
    else:
        requeue(change, trial, lost=lost)
    seen = {"study": change.study.name, "trial": trial.number, "attempt": work.attempt, "worker": work.worker}
    _log.info(line, extra=seen | {"became": "paused" if trial.paused else trial.outcome})


def leased_view(trial: TrialMirror, ttl_seconds: float) -> LeasedTrial:
    """The reply to an ask."""
    work = trial.work
    assert work is not None
    assert work.lease is not None
    resume = None
    if work.resumed_from is not None and work.checkpoint_uri is not None:
        resume = Checkpoint(uri=work.checkpoint_uri, step=work.resumed_from)
    return LeasedTrial(
        number=trial.number,
        attempt=work.attempt,
        params=trial.params,
        lease=work.lease,
        lease_ttl_seconds=ttl_seconds,
        max_steps=work.max_steps,
        resume=resume,
    )
