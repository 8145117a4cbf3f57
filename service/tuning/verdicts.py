"""Whether a training goes on."""

import math
from collections.abc import Sequence
from dataclasses import replace

from optuna.pruners import BasePruner, NopPruner
from optuna.samplers import RandomSampler

from service.storage.changes import Change
from service.storage.mirror import StudyMirror, TrialMirror
from service.tuning.budget import steps_used_up
from service.tuning.pruners import build_pruner
from service.tuning.staging import StagedStorage, snapshot_window
from service.wire.trials import Report, Verdict

_WINDOW_LATEST = 500


def judge(change: Change, trial: TrialMirror, fresh: Sequence[Report] = ()) -> Verdict:
    """The verdict on a trial on lease, after its `fresh` reports were taken in (none: on a heartbeat).

    Once a trial was told to stop, that stands.
    """
    study = change.study
    work, spec = trial.work, study.spec
    assert work is not None
    assert spec is not None
    ttl = spec.lease_ttl_seconds
    reason = work.stop_reason
    explanation = "it was told to stop before"
    if reason is None:
        reason, explanation = _reason_to_stop(change, trial, fresh)
        if reason is not None:
            change.set_work(trial, replace(work, stop_reason=reason))
    return Verdict.model_validate(
        {
            "verdict": "continue" if reason is None else "stop",
            "reason": reason,
            "explanation": explanation,
            "lease_ttl_seconds": ttl,
        }
    )


def _reason_to_stop(change: Change, trial: TrialMirror, fresh: Sequence[Report]) -> tuple[str | None, str]:
    study = change.study
    last = trial.last_step
    for report in fresh:
        if not math.isfinite(report.value):
            return "diverged", f"the value at step {report.step} is {report.value}"
    assert trial.work is not None
    max_steps = trial.work.max_steps
    if last is not None and max_steps is not None and last >= max_steps:
        return None, "that was the last step"
    if study.stopped:
        return "study_finished", "the study was stopped"
    if steps_used_up(study):
        return "study_finished", f"the study's {study.max_total_steps} training steps are used up"
    if fresh and last is not None:
        return _ask_pruner(change, trial, last)
    return None, ""


def _ask_pruner(change: Change, trial: TrialMirror, last: int) -> tuple[str | None, str]:
    study = change.study
    assert study.spec is not None
    pruner = study.cache.get("pruner")
    if not isinstance(pruner, BasePruner):
        pruner = study.cache["pruner"] = build_pruner(study.spec)
    if isinstance(pruner, NopPruner):
        return None, ""
    frozen = trial.freeze()
    storage = StagedStorage(snapshot_window(study, best=0, latest=_WINDOW_LATEST), frozen)
    prune = pruner.prune(storage.study(_NO_SAMPLER, pruner), frozen)
    for key, value in storage.written.trial_attrs.items():
        change.set_trial_attr(trial, key, value, system=True)
    if not prune:
        return None, ""
    return "pruned", f"{study.spec.pruner.name} at step {last}: {_standing(study, trial, last)}"


def _standing(study: StudyMirror, trial: TrialMirror, step: int) -> str:
    """Where the trial stands among those that finished, at this step."""
    value = trial.intermediate[step]
    others = [
        other.intermediate[step]
        for other in study.trials[-_WINDOW_LATEST:]
        if other is not trial and other.outcome == "complete" and step in other.intermediate
    ]
    better = sum(other > value if study.maximizes else other < value for other in others)
    return f"{value:.6g} ranks {better + 1} of {len(others) + 1} beside the complete trials"


_NO_SAMPLER = RandomSampler()
