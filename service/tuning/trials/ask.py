"""What an ask comes to: a trial that waits, a paused one that has earned more steps, a new one, or none.

Every function works within a change, under the engine's lock. What takes longer, the drawing, happens between `begin`
and `take`, on a snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from optuna.trial import TrialState

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import EXHAUSTED_ATTR, FIXED_ATTR, LADDER_ATTR, PAUSE_AT_ATTR, WHOLE_ATTR
from lrtune.service.tuning.fidelity.pausing import insists, pauses
from lrtune.service.tuning.fidelity.short_trainings import is_climbing, is_short, ladder_of, snapshot_for_ladder
from lrtune.service.tuning.sampling.draw import (
    Draw,
    choose_or_draw,
    climb_or_draw,
    draw_or_random,
    draws_at_once,
    enumerates,
)
from lrtune.service.tuning.sampling.samplers import snapshot_for, snapshot_for_choice
from lrtune.service.tuning.state.budget import RETRY_SECONDS, affords, spent, why_none
from lrtune.service.tuning.state.outcomes import explain, explanation_of
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.trials import leases
from lrtune.service.tuning.trials.replicates import lease_repeat, to_repeat
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial

_AGAIN_SECONDS = 0.1
"""When to ask again where the study changed while the trial was drawn."""


@dataclass
class _Idle:
    """How a study stood when it had no trial for a worker. Idle workers ask again every other second, and need no new
    choice until a trial ends or is paused."""

    none_earned: tuple[object, ...] | None = None
    """When no paused trial had earned more steps."""
    ladder_waits: tuple[object, ...] | None = None
    """When the ladder waited for trials in training."""
    ladder_over: bool = False


@dataclass(frozen=True)
class Undrawn:
    """A trial whose parameters have yet to be drawn: a waiting one, or none yet.

    With `chooses` a paused trial may go on instead; without `fresh` no new one may be begun.
    """

    snapshot: Snapshot
    number: int
    trial_id: int
    fixed: dict[str, Any] | None = None
    waiting: TrialMirror | None = None
    chooses: bool = False
    fresh: bool = True
    insists: bool = False
    """Whether a paused trial goes on if there is one."""
    others_train: bool = False
    """Whether trials were on lease when the snapshot was taken."""
    ladder: Snapshot | None = None
    """What the ladder is shown, where its trainings come first."""

    def draws_at_once(self, spec: StudySpec) -> bool:
        """Whether drawing takes microseconds."""
        return not self.chooses and self.ladder is None and draws_at_once(spec, self.snapshot)

    def drawing(self, spec: StudySpec) -> Callable[[], Draw]:
        """The drawing, to be called from any thread."""
        if self.chooses:
            return partial(
                choose_or_draw, spec, self.snapshot, self.number, self.trial_id, fresh=self.fresh, insists=self.insists
            )
        if self.ladder is not None:
            return partial(climb_or_draw, spec, self.ladder, self.snapshot, self.number, self.trial_id)
        return partial(draw_or_random, spec, self.snapshot, self.number, self.trial_id, self.fixed)


def begin(engine: Engine, change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial | Undrawn:
    """Answer the ask where that takes no drawing."""
    study = change.study
    known = study.requests.get(ask.request_id)
    if known is not None:
        work = study.trials[known].work
        if work is not None and work.request_id == ask.request_id and work.lease is not None:
            return leases.leased_view(study.trials[known], spec.lease_ttl_seconds)
    nothing = why_none(study)
    if nothing is not None:
        return nothing
    waiting = _next_waiting(study, ask, spec)
    if waiting is None:
        return _begin_another(engine, change, ask, spec)
    trial = study.trials[waiting]
    if trial.params:
        steps = trial.work.max_steps if trial.work and trial.work.leases else spec.max_steps
        leases.lease_again(change, trial, ask, steps, spec.lease_ttl_seconds)
        return leases.leased_view(trial, spec.lease_ttl_seconds)
    fixed = dict(trial.system_attrs.get(FIXED_ATTR, {}))
    return Undrawn(snapshot_for(spec, study, fixed), trial.number, trial.trial_id, fixed, trial)


def _next_waiting(study: StudyMirror, ask: Ask, spec: StudySpec) -> int | None:
    """The waiting trial that comes first; short ones are for trainers that anneal."""
    if ask.anneals:
        return next(iter(study.waiting), None)
    return next((n for n in study.waiting if not is_short(study.trials[n].system_attrs, spec.max_steps)), None)


def _begin_another(engine: Engine, change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial | Undrawn:
    """Nothing waits that this trainer can train again: a replicate, the ladder's next, a paused trial or a new one."""
    study = change.study
    repeated = to_repeat(study)
    if repeated is not None:
        trial = lease_repeat(change, ask, repeated, engine.new_trial_id())
        return leases.leased_view(trial, spec.lease_ttl_seconds)
    fresh, number = spent(study) is None, len(study.trials)
    if not fresh and study.waiting:
        return _lengthen(change, ask, spec)
    if fresh and ask.anneals and is_climbing(study, spec) and not study.derived(_Idle).ladder_over:
        if study.leased and study.derived(_Idle).ladder_waits == _standing(study, ask):
            return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
        ladder = snapshot_for_ladder(study)
        return Undrawn(snapshot_for(spec, study), number, engine.new_trial_id(), ladder=ladder)
    if fresh and not (ask.resumable and pauses(spec) and not (ask.anneals and ladder_of(study))):
        return Undrawn(snapshot_for(spec, study), number, engine.new_trial_id())
    if not ask.resumable and any(trial.work and trial.work.resumable for trial in study.leased.values()):
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)  # They go on from checkpoints, for fewer steps.
    if not fresh and study.leased and study.derived(_Idle).none_earned == _standing(study, ask):
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
    snapshot = snapshot_for_choice(spec, study, resumable=ask.resumable)
    trial_id = engine.new_trial_id() if fresh else 0
    forced = insists(study)
    others = bool(study.leased)
    return Undrawn(snapshot, number, trial_id, chooses=True, fresh=fresh, insists=forced, others_train=others)


def _lengthen(change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial:
    """All that is left are short trials that wait for a trainer that anneals: one that does not trains the first of
    them in full. Where the steps for that are not left, and nobody else is at work, it is over."""
    study = change.study
    trial = study.trials[next(iter(study.waiting))]
    assert trial.work is not None
    assert trial.work.max_steps is not None
    assert spec.max_steps is not None
    total, tally = study.max_total_steps, study.tally
    kept = max(0, trial.work.max_steps - (trial.last_step or 0))
    if total is not None and tally.trained + tally.reserved - kept + spec.max_steps > total:
        if study.leased:
            return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
        explain(change, trial, "given back as a short training; no trainer that anneals asked for it again")
        leases.finish(change, trial, "pruned")
        return why_none(study) or NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
    change.set_work(trial, replace(trial.work, checkpoint_uri=None, checkpoint_step=None))
    change.set_trial_attr(trial, LADDER_ATTR, spec.max_steps, system=True)
    leases.lease_again(change, trial, ask, spec.max_steps, spec.lease_ttl_seconds)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _standing(study: StudyMirror, ask: Ask) -> tuple[object, ...]:
    outcomes = study.tally.outcomes
    ended = tuple(outcomes[outcome] for outcome in ("complete", "pruned", "diverged", "failed"))
    budget = study.max_trials, study.max_total_steps
    return ended, len(study.paused_trials), tuple(sorted(study.leased)), budget, ask.resumable


def take(
    engine: Engine, change: Change, ask: Ask, spec: StudySpec, undrawn: Undrawn, drawn: Draw
) -> LeasedTrial | NoTrial:
    """Lease what was drawn, unless the study changed meanwhile so that it takes no trial."""
    study = change.study
    if drawn.exhausted:
        change.set_study_attr(EXHAUSTED_ATTR, True, system=True)
    nothing = why_none(study)
    if nothing is not None:
        return nothing
    if drawn.promoted is not None:
        return _promote(change, ask, spec, drawn)
    if drawn.waits:
        study.derived(_Idle).ladder_waits = _standing(study, ask)
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
    if undrawn.ladder is not None and drawn.ladder_steps is None:
        study.derived(_Idle).ladder_over = True
    if not undrawn.fresh:
        study.derived(_Idle).none_earned = _standing(study, ask)
        return _end_paused(change, undrawn)
    new = undrawn.waiting is None
    moved = new and len(study.trials) != undrawn.number
    taken = not new and undrawn.number not in study.waiting
    if taken or (moved and enumerates(spec)) or (new and spent(study) is not None):
        return NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
    for key, value in drawn.written.study_attrs.items():
        change.set_study_attr(key, value, system=True)
    if undrawn.waiting is not None:
        trial = _lease_waiting(change, ask, spec, undrawn.waiting, drawn)
    else:
        trial_id = engine.new_trial_id() if moved else undrawn.trial_id
        trial = _lease_new(change, ask, spec, trial_id, drawn)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _lease_waiting(change: Change, ask: Ask, spec: StudySpec, trial: TrialMirror, drawn: Draw) -> TrialMirror:
    work = leases.new_work(ask, spec.max_steps, change.now + spec.lease_ttl_seconds)
    for name, distribution in drawn.distributions.items():
        change.set_param(trial, name, distribution, drawn.params[name])
    for key, value in drawn.written.trial_attrs.items():
        change.set_trial_attr(trial, key, value, system=True)
    change.study.remember_request(ask.request_id, trial.number)
    change.set_state(trial, TrialState.RUNNING, work=work)
    return trial


def _lease_new(change: Change, ask: Ask, spec: StudySpec, trial_id: int, drawn: Draw) -> TrialMirror:
    trial = TrialMirror(trial_id, len(change.study.trials), TrialState.RUNNING)
    trial.params, trial.distributions = drawn.params, drawn.distributions
    trial.system_attrs = drawn.written.trial_attrs
    if drawn.target is not None:
        trial.system_attrs = {**trial.system_attrs, PAUSE_AT_ATTR: drawn.target}
    if drawn.whole:
        trial.system_attrs = {**trial.system_attrs, WHOLE_ATTR: True}
    if drawn.ladder_steps is not None:
        trial.system_attrs = {**trial.system_attrs, LADDER_ATTR: drawn.ladder_steps}
    trial.started_at = change.now
    steps = drawn.ladder_steps or spec.max_steps
    trial.work = leases.new_work(ask, steps, change.now + spec.lease_ttl_seconds)
    change.add_trial(trial)
    return trial


def _promote(change: Change, ask: Ask, spec: StudySpec, drawn: Draw) -> LeasedTrial | NoTrial:
    study, target = change.study, drawn.target
    assert drawn.promoted is not None
    assert target is not None
    trial = study.trials[drawn.promoted]
    if not trial.paused or not affords(study, trial, resumable=ask.resumable):
        return NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
    if drawn.whole:
        change.set_trial_attr(trial, WHOLE_ATTR, True, system=True)
    leases.promote(change, trial, ask, spec.max_steps, spec.lease_ttl_seconds, target)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _end_paused(change: Change, undrawn: Undrawn) -> NoTrial:
    """No new trial may be begun, and none of the paused ones has earned more steps: as soon as no trial is in training
    that could change this, they are over."""
    study = change.study
    if undrawn.others_train or study.leased or study.waiting:
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
    used_up = spent(study)
    if used_up is None:
        return NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
    for number in list(study.paused_trials):
        trial = study.trials[number]
        told = (explanation_of(trial) or "paused").partition("; it goes on")[0]
        explain(change, trial, f"{told}; it earned no more steps before {used_up} was spent")
        leases.finish(change, trial, "pruned")
    return why_none(study) or NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
