"""What an ask comes to: a trial that waits, a paused one that has earned more steps, a new one, or none.

Every function works within a change, under the engine's lock. What takes longer, the drawing, happens between `begin`
and `take`, on a snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from optuna.trial import TrialState

from service.storage.changes import Change
from service.storage.engine import Engine
from service.storage.mirror import StudyMirror, TrialMirror
from service.storage.optuna_schema import FIXED_ATTR
from service.tuning import leases
from service.tuning.budget import EXHAUSTED_ATTR, RETRY_SECONDS, affords, spent, why_none
from service.tuning.outcomes import explain, explanation_of
from service.tuning.pausing import TARGET_ATTR, insists, pauses
from service.tuning.replicates import lease_repeat, to_repeat
from service.tuning.samplers import snapshot_for, snapshot_for_choice
from service.tuning.sampling import Draw, choose_or_draw, draw_or_random, draws_at_once, enumerates
from service.tuning.staging import Snapshot
from service.wire.studies import StudySpec
from service.wire.trials import Ask, LeasedTrial, NoTrial

_AGAIN_SECONDS = 0.1
"""When to ask again where the study changed while the trial was drawn."""


_NONE_EARNED = "none earned more steps"
"""In a study's cache: how it stood when it had no trial for a worker. Idle workers ask again every other second, and
need no new choice until a trial ends or is paused."""


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

    def draws_at_once(self, spec: StudySpec) -> bool:
        """Whether drawing takes microseconds."""
        return not self.chooses and draws_at_once(spec, self.snapshot)

    def drawing(self, spec: StudySpec) -> Callable[[], Draw]:
        """The drawing, to be called from any thread."""
        if self.chooses:
            return partial(
                choose_or_draw, spec, self.snapshot, self.number, self.trial_id, fresh=self.fresh, insists=self.insists
            )
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
    if not study.waiting:
        repeated = to_repeat(study)
        if repeated is not None:
            trial = lease_repeat(change, ask, repeated, engine.new_trial_id())
            return leases.leased_view(trial, spec.lease_ttl_seconds)
        return _begin_another(engine, study, ask, spec)
    trial = study.trials[next(iter(study.waiting))]
    if trial.params:
        steps = trial.work.max_steps if trial.work and trial.work.leases else spec.max_steps
        leases.lease_again(change, trial, ask, steps, spec.lease_ttl_seconds)
        return leases.leased_view(trial, spec.lease_ttl_seconds)
    fixed = dict(trial.system_attrs.get(FIXED_ATTR, {}))
    return Undrawn(snapshot_for(spec, study, fixed), trial.number, trial.trial_id, fixed, trial)


def _begin_another(engine: Engine, study: StudyMirror, ask: Ask, spec: StudySpec) -> NoTrial | Undrawn:
    """Nothing waits to be trained again: a paused trial or a new one."""
    fresh, number = spent(study) is None, len(study.trials)
    if fresh and not (ask.resumable and pauses(spec)):
        return Undrawn(snapshot_for(spec, study), number, engine.new_trial_id())
    if not ask.resumable and any(trial.work and trial.work.resumable for trial in study.leased.values()):
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)  # They go on from checkpoints, for fewer steps.
    if not fresh and study.leased and study.cache.get(_NONE_EARNED) == _standing(study, ask):
        return NoTrial(done=False, retry_after_seconds=RETRY_SECONDS)
    snapshot = snapshot_for_choice(spec, study, resumable=ask.resumable)
    trial_id = engine.new_trial_id() if fresh else 0
    forced = not fresh and insists(study)
    others = bool(study.leased)
    return Undrawn(snapshot, number, trial_id, chooses=True, fresh=fresh, insists=forced, others_train=others)


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
    if not undrawn.fresh:
        study.cache[_NONE_EARNED] = _standing(study, ask)
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
        trial.system_attrs = {**trial.system_attrs, TARGET_ATTR: drawn.target}
    trial.started_at = change.now
    trial.work = leases.new_work(ask, spec.max_steps, change.now + spec.lease_ttl_seconds)
    change.add_trial(trial)
    return trial


def _promote(change: Change, ask: Ask, spec: StudySpec, drawn: Draw) -> LeasedTrial | NoTrial:
    study, target = change.study, drawn.target
    assert drawn.promoted is not None
    assert target is not None
    trial = study.trials[drawn.promoted]
    if not trial.paused or not affords(study, trial, resumable=ask.resumable):
        return NoTrial(done=False, retry_after_seconds=_AGAIN_SECONDS)
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
