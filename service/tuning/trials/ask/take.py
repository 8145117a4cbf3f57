"""The second half of an ask: lease what was drawn, unless the study changed meanwhile so that it takes no trial.

Every function works within a change, under the engine's lock.
"""

from optuna.trial import TrialState

from lrtune.service.sentences import verdicts as say
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.schema.attributes import EXHAUSTED_ATTR, WHOLE_ATTR
from lrtune.service.tuning.fidelity.pausing import Promotion
from lrtune.service.tuning.sampling.draw import enumerates
from lrtune.service.tuning.sampling.drawn import (
    Drawn,
    LadderPoint,
    LadderWaits,
    NotChosen,
    NothingEarned,
    Point,
    RepeatedPoint,
)
from lrtune.service.tuning.state.budget import affords, any_affordable, ask_at_once, ask_later, is_affordable, spent
from lrtune.service.tuning.state.outcomes import explain, explanation_of
from lrtune.service.tuning.state.sampler_trouble import note_trouble
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
from lrtune.service.wire.studies import StudySpec
from lrtune.service.wire.trials import Ask, LeasedTrial, NoTrial


def take(
    engine: Engine, change: Change, ask: Ask, spec: StudySpec, to_draw: ToDraw, drawn: Drawn
) -> LeasedTrial | NoTrial:
    """The reply to an ask for which `drawn` came of what was to be drawn."""
    study = change.study
    if isinstance(drawn, RepeatedPoint):
        change.set_study_attr(EXHAUSTED_ATTR, True, system=True)
    nothing = shortage.why_none(change)
    if nothing is not None:
        return nothing
    match to_draw, drawn:
        case _, Promotion() as promotion:
            return _promote(change, ask, spec, promotion)
        case _, LadderWaits():
            idle.note_ladder_waits(study, ask)
            return ask_later()
        case _, NotChosen():
            return ask_later()
        case PausedOnly() as paused, NothingEarned():
            idle.note_none_earned(study, ask)
            return _end_paused(change, others_train=paused.others_train)
        case WaitingTrial() as waiting, Point() as point:
            return _lease_waiting(change, ask, spec, waiting.trial, point)
        case LadderOrNew() as new, Point() as point:
            if not isinstance(point, LadderPoint):
                idle.note_ladder_over(study)
            return _lease_new(engine, change, ask, spec, new, point)
        case NewTrial() | PausedOrNew() as new, Point() as point:
            return _lease_new(engine, change, ask, spec, new, point)
    raise TypeError(f"a {type(drawn).__name__} cannot come of a {type(to_draw).__name__}")


def _promote(change: Change, ask: Ask, spec: StudySpec, promotion: Promotion) -> LeasedTrial | NoTrial:
    study = change.study
    trial = study.trials[promotion.number]
    if not trial.paused or not affords(study, trial, resumable=ask.resumable):
        return ask_at_once()
    if promotion.whole:
        change.set_trial_attr(trial, WHOLE_ATTR, True, system=True)
    leases.promote(change, trial, ask, spec.max_steps, spec.lease_ttl_seconds, promotion.target)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _lease_waiting(
    change: Change, ask: Ask, spec: StudySpec, trial: TrialMirror, point: Point
) -> LeasedTrial | NoTrial:
    study = change.study
    if trial.number not in study.waiting or not is_affordable(study, trial):
        return ask_at_once()
    _keep_of_study(change, point, trial.number)
    work = leases.new_work(ask, spec.max_steps, change.elapsed, spec.lease_ttl_seconds)
    for name, distribution in point.distributions.items():
        change.set_param(trial, name, distribution, point.params[name])
    for key, value in point.trial_attrs.items():
        change.set_trial_attr(trial, key, value, system=True)
    study.remember_request(ask.request_id, trial.number)
    change.set_state(trial, TrialState.RUNNING, work=work)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _lease_new(
    engine: Engine, change: Change, ask: Ask, spec: StudySpec, new: NewTrial | PausedOrNew | LadderOrNew, point: Point
) -> LeasedTrial | NoTrial:
    study = change.study
    moved = len(study.trials) != new.number
    if (moved and enumerates(spec)) or spent(study) is not None:
        return ask_at_once()
    _keep_of_study(change, point, len(study.trials))
    trial_id = engine.new_trial_id() if moved else new.trial_id
    trial = TrialMirror(trial_id, len(study.trials), TrialState.RUNNING)
    trial.params, trial.distributions = point.params, point.distributions
    trial.system_attrs = point.trial_attrs
    trial.started_at = change.now
    steps = point.steps if isinstance(point, LadderPoint) else spec.max_steps
    trial.work = leases.new_work(ask, steps, change.elapsed, spec.lease_ttl_seconds)
    change.add_trial(trial)
    return leases.leased_view(trial, spec.lease_ttl_seconds)


def _keep_of_study(change: Change, point: Point, number: int) -> None:
    if point.fallback is not None:
        note_trouble(change.study, point.fallback.reason, change.now, number)
    for key, value in point.written.study_attrs.items():
        change.set_study_attr(key, value, system=True)


def _end_paused(change: Change, *, others_train: bool) -> NoTrial:
    """No new trial may be begun, and none of the paused ones has earned more steps: as soon as no trial is in training
    that could change this, they are over. `others_train`: whether one was when this was found."""
    study = change.study
    if others_train or study.leased or any_affordable(study):
        return ask_later()
    used_up = spent(study)
    if used_up is None:
        return ask_at_once()
    for number in list(study.paused_trials):
        trial = study.trials[number]
        explain(change, trial, say.earned_no_more(explanation_of(trial), used_up))
        leases.finish(change, trial, "pruned")
    return shortage.why_none(change) or ask_at_once()
