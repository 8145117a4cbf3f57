"""How much of a study's history each sampler is shown."""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import OUTCOME_ATTR
from lrtune.service.tuning.sampling.cmaes import Evolution, EvolvingSnapshot
from lrtune.service.tuning.sampling.grid import GridWalk, grid_of
from lrtune.service.tuning.state.budget import affords
from lrtune.service.tuning.state.snapshot import (
    Snapshot,
    snapshot_of_training,
    snapshot_window,
)
from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec

_WINDOW_BEST = 65
_WINDOW_LATEST = 65
"""Of TPE and GP, whose draws take longer with each trial they are shown."""
_LATEST_ENUMERATED = 1_000
"""Where conditions tie too many points together for a walk, which is refused by now."""
_COUNTER_PREFIX = "qmc:"
_AUTO_BEST, _AUTO_LATEST, _AUTO_PAUSED = 60, 100, 60


def snapshot_for(spec: StudySpec, study: StudyMirror, fixed: Mapping[str, Any] | None = None) -> Snapshot:
    """What the study's sampler is shown, for a trial of which `fixed` is given. Under the engine's lock."""
    walk = _walk(spec, study)
    if walk is not None:
        return replace(_without_history(study), point=walk.next_point(study, fixed or {}))
    match spec.sampler:
        case methods.AutoSampler():
            snapshot = snapshot_of_training(study, best=_AUTO_BEST, latest=_AUTO_LATEST, paused=_AUTO_PAUSED)
        case methods.TpeSampler() | methods.GpSampler():
            snapshot = snapshot_window(study, best=_WINDOW_BEST, latest=_WINDOW_LATEST)
        case methods.BruteForceSampler():
            snapshot = snapshot_window(study, best=0, latest=_LATEST_ENUMERATED, running=None)
        case methods.CmaesSampler():
            return _evolving(study, _without_history(study))
        case methods.QmcSampler():
            return _with_counter(study, _without_history(study))
        case _:
            return _without_history(study)
    if isinstance(spec.sampler, methods.GpSampler):
        return replace(snapshot, trials=with_divergence_as_worst(snapshot.trials, study.maximizes))
    return snapshot


def _without_history(study: StudyMirror) -> Snapshot:
    return snapshot_window(study, best=0, latest=1, running=0)


def _evolving(study: StudyMirror, snapshot: Snapshot) -> EvolvingSnapshot:
    evolution = study.derived(Evolution)
    evolution.look(study)
    ended = study.tally.outcomes["complete"] + study.tally.outcomes["diverged"]
    shown = {one.name: getattr(snapshot, one.name) for one in fields(snapshot)}
    return EvolvingSnapshot(**shown, evolution=evolution, ended=ended)


def _with_counter(study: StudyMirror, snapshot: Snapshot) -> Snapshot:
    """With the place in the sequence, which Optuna keeps with the study and counts up from: at most one a trial, so
    that no number from elsewhere has it look for a place far out."""
    most = len(study.trials)
    counters = {
        key: value if isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= most else most
        for key, value in snapshot.system_attrs.items()
        if key.startswith(_COUNTER_PREFIX)
    }
    return replace(snapshot, system_attrs={**snapshot.system_attrs, **counters})


def snapshot_for_choice(spec: StudySpec, study: StudyMirror, *, resumable: bool) -> Snapshot:
    """What is shown to whoever chooses between paused trials and a new one. Under the engine's lock."""
    snapshot = snapshot_for(spec, study)
    paused = [t.number for t in snapshot.trials if t.number in study.paused_trials]
    promotable = frozenset(number for number in paused if affords(study, study.trials[number], resumable=resumable))
    return replace(snapshot, promotable=promotable)


def with_divergence_as_worst(trials: list[FrozenTrial], maximizes: bool) -> list[FrozenTrial]:
    """The trials, diverged ones as complete with the worst finite value seen: some samplers read complete trials
    only, and would never learn that a run diverged."""
    values = [t.value for t in trials if t.state is TrialState.COMPLETE and t.value is not None]
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return trials
    worst = min(finite) if maximizes else max(finite)
    shown = []
    for trial in trials:
        if trial.system_attrs.get(OUTCOME_ATTR) == "diverged":
            attrs = {k: v for k, v in trial.system_attrs.items() if not k.startswith("constraints")}
            trial = FrozenTrial(
                number=trial.number,
                state=TrialState.COMPLETE,
                value=worst,
                datetime_start=trial.datetime_start,
                datetime_complete=trial.datetime_complete,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=trial.user_attrs,
                system_attrs=attrs,
                intermediate_values=trial.intermediate_values,
                trial_id=trial._trial_id,
            )
        shown.append(trial)
    return shown


@dataclass
class _Walk:
    """A study's walk through its grid, once it was looked for."""

    looked_for: bool = False
    walk: GridWalk | None = None


def _walk(spec: StudySpec, study: StudyMirror) -> GridWalk | None:
    """The study's walk through its grid, where it has one; None too where the grid is too large."""
    kept = study.derived(_Walk)
    if not kept.looked_for:
        kept.looked_for = True
        if isinstance(spec.sampler, methods.GridSampler | methods.BruteForceSampler):
            with contextlib.suppress(ValueError):
                kept.walk = GridWalk(grid_of(spec))
    return kept.walk
