"""Whether a training goes on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler

from lrtune.service.sentences import verdicts as say
from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.memory.trial import PAUSED
from lrtune.service.tuning.fidelity import pausing
from lrtune.service.tuning.fidelity.short_trainings import is_ladder
from lrtune.service.tuning.pruning import race_evidence
from lrtune.service.tuning.sampling.pruners import build_pruner
from lrtune.service.tuning.state.budget import steps_used_up
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.outcomes import explain, explanation_of
from lrtune.service.tuning.state.snapshot import snapshot_window
from lrtune.service.tuning.state.staged_storage import StagedStorage
from lrtune.service.wire import methods
from lrtune.service.wire.trials import Report, Verdict

_WINDOW_LATEST = 500


def judge(
    change: Change, trial: TrialMirror, fresh: Sequence[Report] = (), before: int = 0, *, overdrawn: bool = False
) -> Verdict:
    """The verdict on a trial on lease, after its `fresh` reports were taken in (none: on a heartbeat); `before` was the
    last step until then. `overdrawn`: the steps that it needs now are not left in the budget.

    Once a trial was told to stop or to pause, that stands.
    """
    work = trial.work
    assert work is not None
    assert change.study.spec is not None
    ttl = change.study.spec.lease_ttl_seconds
    if work.stop_reason is not None:
        return _stop(work.stop_reason, explanation_of(trial) or say.told_before(), ttl)
    reason, explanation = _reason_to_stop(change, trial, fresh, before)
    if reason is None and overdrawn:
        reason, explanation = "study_finished", say.too_few_to_begin_again(change.study.max_total_steps or 0)
    if reason is None:
        return _go_on(explanation, ttl)
    change.set_work(trial, replace(work, stop_reason=reason))
    explain(change, trial, explanation)
    return _stop(reason, explanation, ttl)


@lru_cache(maxsize=256)
def _go_on(explanation: str, ttl_seconds: float) -> Verdict:
    return Verdict(verdict="continue", reason=None, explanation=explanation, lease_ttl_seconds=ttl_seconds)


def _stop(reason: str, explanation: str, ttl_seconds: float) -> Verdict:
    told = "pause" if reason == PAUSED else "stop"
    verdict = {"verdict": told, "reason": reason, "explanation": explanation, "lease_ttl_seconds": ttl_seconds}
    return Verdict.model_validate(verdict)


def _reason_to_stop(change: Change, trial: TrialMirror, fresh: Sequence[Report], before: int) -> tuple[str | None, str]:
    study = change.study
    last = trial.last_step
    for report in fresh:
        if not math.isfinite(report.value):
            return "diverged", say.not_finite(report.step, report.value)
    work = trial.work
    if last is not None and work is not None and work.max_steps is not None and last >= work.max_steps:
        return None, say.last_step()
    if study.stopped:
        return "study_finished", say.study_stopped()
    if steps_used_up(study):
        return "study_finished", say.steps_used_up(study.max_total_steps or 0)
    if not fresh or last is None:
        return None, ""
    assert study.spec is not None
    match study.spec.pruner:
        case methods.NoPruner():
            return None, ""
        case methods.AutoPruner():
            return _ask_auto(study, trial, last, before)
        case _:
            return _ask_pruner(change, trial, last)


def _ask_auto(study: StudyMirror, trial: TrialMirror, last: int, before: int) -> tuple[str | None, str]:
    """A trial that can be paused goes on to where it is to, one of the ladder to its end; any other is judged by
    `race_evidence`."""
    assert study.spec is not None
    if steps_are_folds(study.spec) or is_ladder(trial):
        return None, ""
    target = pausing.target_of(trial)
    if target is not None:
        return (PAUSED, pausing.why_paused(study, trial, last)) if last >= target else (None, "")
    call = race_evidence.judge(study, trial, before)
    if not call.stop:
        return None, call.explanation
    return "pruned", say.stopped(last, call.explanation)


@dataclass
class _Pruner:
    """The study's own."""

    pruner: BasePruner | None = None


def _ask_pruner(change: Change, trial: TrialMirror, last: int) -> tuple[str | None, str]:
    study = change.study
    assert study.spec is not None
    kept = study.derived(_Pruner)
    pruner = kept.pruner
    if pruner is None:
        pruner = kept.pruner = build_pruner(study.spec)
    frozen = trial.freeze()
    storage = StagedStorage(snapshot_window(study, best=1, latest=_WINDOW_LATEST, running=None), frozen)
    prune = pruner.prune(storage.study(_NO_SAMPLER, pruner), frozen)
    for key, value in storage.written.trial_attrs.items():
        change.set_trial_attr(trial, key, value, system=True)
    if not prune:
        return None, ""
    return "pruned", say.pruned(study.spec.pruner.name, last, *_standing(study, trial, last))


def _standing(study: StudyMirror, trial: TrialMirror, step: int) -> tuple[float, int, int]:
    """The trial's value at this step, its rank among those that finished, and how many these are with it."""
    value = trial.intermediate[step]
    others = [
        other.intermediate[step]
        for other in study.trials[-_WINDOW_LATEST:]
        if other is not trial and other.outcome == "complete" and step in other.intermediate
    ]
    better = sum(other > value if study.maximizes else other < value for other in others)
    return value, better + 1, len(others) + 1


_NO_SAMPLER = RandomSampler()
