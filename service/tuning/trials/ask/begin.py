"""The first half of an ask: answer it, or say what has to be drawn for it.

Every function works within a change, under the engine's lock.
"""

from dataclasses import replace

from lrtune.service.sentences import verdicts as say
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import LADDER_ATTR
from lrtune.service.tuning.fidelity.ladder import is_climbing, snapshot_for_ladder
from lrtune.service.tuning.fidelity.pausing import insists, pauses
from lrtune.service.tuning.fidelity.short_trainings import is_short, ladder_of
from lrtune.service.tuning.sampling.snapshots import snapshot_for, snapshot_for_choice
from lrtune.service.tuning.state.budget import affordable, ask_at_once, ask_later, fits, spent
from lrtune.service.tuning.state.outcomes import explain
from lrtune.service.tuning.state.space.fixed_params import fixed_params
from lrtune.service.tuning.trials import leases
from lrtune.service.tuning.trials.ask import idle, shortage
from lrtune.service.tuning.trials.ask.to_draw import (
    LadderOrNew,
    NewTrial,
    PausedOnly,
    PausedOrNew,
    ToDraw,
    WaitingTrial,
)
from lrtune.service.tuning.trials.replicates import lease_repeat, to_repeat
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial


def begin(engine: Engine, change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial | ToDraw:
    """Answer the ask where that takes no drawing."""
    study = change.study
    known = study.requests.get(ask.request_id)
    if known is not None and leases.renew_as_asked(change, study.trials[known], ask, spec.lease_ttl_seconds):
        return leases.leased_view(study.trials[known], spec.lease_ttl_seconds)
    nothing = shortage.why_none(change)
    if nothing is not None:
        return nothing
    trial = _next_waiting(study, ask, spec)
    if trial is None:
        return _begin_another(engine, change, ask, spec)
    if trial.params:
        steps = trial.work.max_steps if trial.work and trial.work.leases else spec.max_steps
        leases.lease_again(change, trial, ask, steps, spec.lease_ttl_seconds)
        return leases.leased_view(trial, spec.lease_ttl_seconds)
    fixed = fixed_params(trial)
    return WaitingTrial(snapshot_for(spec, study, fixed), trial, fixed)


def _next_waiting(study: StudyMirror, ask: Ask, spec: StudySpec) -> TrialMirror | None:
    """The waiting trial that comes first, of those whose steps are left; short ones are for trainers that anneal."""
    return next((t for t in affordable(study) if ask.anneals or not is_short(t.system_attrs, spec.max_steps)), None)


def _begin_another(engine: Engine, change: Change, ask: Ask, spec: StudySpec) -> LeasedTrial | NoTrial | ToDraw:
    """Nothing waits that this trainer can train again: a replicate, the ladder's next, a paused trial or a new one."""
    study = change.study
    repeated = to_repeat(study)
    if repeated is not None:
        trial = lease_repeat(change, ask, repeated, engine.new_trial_id())
        return leases.leased_view(trial, spec.lease_ttl_seconds)
    if spent(study) is not None:
        short = next((n for n in study.waiting if is_short(study.trials[n].system_attrs, spec.max_steps)), None)
        return _begin_paused(study, ask, spec) if short is None else _lengthen(change, ask, spec, study.trials[short])
    number = len(study.trials)
    if ask.anneals and is_climbing(study, spec) and not idle.ladder_is_over(study):
        if idle.ladder_waits(study, ask):
            return ask_later()
        ladder = snapshot_for_ladder(study)
        return LadderOrNew(ladder, snapshot_for(spec, study), number, engine.new_trial_id())
    if not (ask.resumable and pauses(spec)) or (ask.anneals and ladder_of(study)):
        return NewTrial(snapshot_for(spec, study), number, engine.new_trial_id())
    snapshot = snapshot_for_choice(spec, study, resumable=True)
    return PausedOrNew(snapshot, number, engine.new_trial_id(), insists(study))


def _begin_paused(study: StudyMirror, ask: Ask, spec: StudySpec) -> NoTrial | PausedOnly:
    """All that is left are paused trials. Those who can resume them go on from checkpoints, for fewer steps: others
    leave them to these."""
    if not ask.resumable and any(trial.work and trial.work.resumable for trial in study.leased.values()):
        return ask_later()
    if idle.none_has_earned(study, ask):
        return ask_later()
    snapshot = snapshot_for_choice(spec, study, resumable=ask.resumable)
    return PausedOnly(snapshot, len(study.trials), insists(study), bool(study.leased))


def _lengthen(change: Change, ask: Ask, spec: StudySpec, trial: TrialMirror) -> LeasedTrial | NoTrial:
    """All that can be trained are short trials that wait for a trainer that anneals: one that does not trains the first
    of them in full. Where the steps for that are not left, and nobody else is at work, it is over."""
    study = change.study
    assert trial.work is not None
    assert spec.max_steps is not None
    if not fits(study, spec.max_steps):
        if study.leased:
            return ask_later()
        explain(change, trial, say.short_given_back())
        leases.finish(change, trial, "pruned")
        return shortage.why_none(change) or ask_at_once()
    change.set_work(trial, replace(trial.work, checkpoint_uri=None, checkpoint_step=None))
    change.set_trial_attr(trial, LADDER_ATTR, spec.max_steps, system=True)
    leases.lease_again(change, trial, ask, spec.max_steps, spec.lease_ttl_seconds)
    return leases.leased_view(trial, spec.lease_ttl_seconds)
