"""Samplers by name: how each is built for one draw, and how much of the history it is shown."""

import contextlib
import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna.samplers as optuna
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.schema.attributes import OUTCOME_ATTR
from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.sampling.grid import MAX_POINTS, Grid, GridWalk, count_values
from lrtune.service.tuning.state.budget import affords
from lrtune.service.tuning.state.rate_prior import rate_quantiles
from lrtune.service.tuning.state.snapshot import Snapshot, snapshot_all, snapshot_of_training, snapshot_window
from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec

_WINDOW_BEST = 65
_WINDOW_LATEST = 65
"""Of TPE and GP, whose draws take longer with each trial they are shown."""
_AUTO_BEST, _AUTO_LATEST, _AUTO_PAUSED = 60, 100, 60


def check_sampler(spec: StudySpec) -> None:
    """Raise InvalidField where the study's sampler cannot work on its search space."""
    sampler = spec.sampler
    if isinstance(sampler, methods.GpSampler) and importlib.util.find_spec("torch") is None:
        raise InvalidField(("sampler", "name"), "gp needs torch where the service runs: pip install torch")
    if isinstance(sampler, methods.GridSampler):
        try:
            grid_of(spec)
        except ValueError as error:
            raise InvalidField(("sampler", "points"), f"the grid {error}; take fewer") from None
    if isinstance(sampler, methods.BruteForceSampler):
        for name, parameter in spec.search_space.items():
            try:
                values = count_values(parameter, None)
            except ValueError as error:
                raise InvalidField(("search_space", name), f"{error} for bruteforce; or use the grid sampler") from None
            if values > MAX_POINTS:
                raise InvalidField(
                    ("search_space", name), f"has more than {MAX_POINTS} values; take a larger step for bruteforce"
                )


def build_sampler(spec: StudySpec, number: int, system_attrs: Mapping[str, Any] | None = None) -> optuna.BaseSampler:
    """A sampler for the draw of trial `number`.

    It is made anew for each draw, its seed from the study's seed and the number: what is drawn depends on the spec
    and the history alone, not on restarts. Samplers that walk a fixed sequence keep the study's seed.
    """
    sampler = spec.sampler
    own = int(np.random.SeedSequence([sampler.seed, number]).generate_state(1)[0])
    match sampler:
        case methods.AutoSampler():
            return AutoSampler(
                seed=sampler.seed,
                max_steps=spec.max_steps,
                rate_quantiles=rate_quantiles(spec, system_attrs or {}),
                failed_counts=False,
            )
        case methods.TpeSampler():
            return optuna.TPESampler(
                seed=own, n_startup_trials=sampler.n_startup_trials, n_ei_candidates=sampler.n_ei_candidates
            )
        case methods.GpSampler():
            return optuna.GPSampler(
                seed=own,
                n_startup_trials=sampler.n_startup_trials,
                deterministic_objective=sampler.deterministic_objective,
            )
        case methods.CmaesSampler():
            return optuna.CmaEsSampler(
                seed=own,
                n_startup_trials=sampler.n_startup_trials,
                sigma0=sampler.sigma0,
                warn_independent_sampling=False,
            )
        case methods.QmcSampler():
            return optuna.QMCSampler(
                seed=sampler.seed,
                qmc_type=sampler.qmc_type,
                scramble=sampler.scramble,
                independent_sampler=optuna.RandomSampler(seed=own),
                warn_asynchronous_seeding=False,
                warn_independent_sampling=False,
            )
        case methods.RandomSampler() | methods.GridSampler():  # A draw does without one: sampling.draws_at_once.
            return optuna.RandomSampler(seed=own)
        case methods.BruteForceSampler():
            return optuna.BruteForceSampler(seed=own)


def snapshot_for(spec: StudySpec, study: StudyMirror, fixed: Mapping[str, Any] | None = None) -> Snapshot:
    """What the study's sampler is shown, for a trial of which `fixed` is given. Under the engine's lock."""
    walk = _walk(spec, study)
    if walk is not None:
        return replace(snapshot_window(study, best=0, latest=1), point=walk.next_point(study, fixed or {}))
    match spec.sampler:
        case methods.AutoSampler():
            snapshot = snapshot_of_training(study, best=_AUTO_BEST, latest=_AUTO_LATEST, paused=_AUTO_PAUSED)
        case methods.TpeSampler() | methods.GpSampler():
            snapshot = snapshot_window(study, best=_WINDOW_BEST, latest=_WINDOW_LATEST)
        case methods.RandomSampler():
            snapshot = snapshot_window(study, best=0, latest=1)
        case _:
            snapshot = snapshot_all(study)
    if isinstance(spec.sampler, methods.GpSampler | methods.CmaesSampler):
        return replace(snapshot, trials=with_divergence_as_worst(snapshot.trials, study.maximizes))
    return snapshot


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


def grid_of(spec: StudySpec) -> Grid:
    """The points that a grid or bruteforce sampler walks through. Raises ValueError where there are too many."""
    sampler = spec.sampler
    return Grid(spec.search_space, sampler.points if isinstance(sampler, methods.GridSampler) else None, sampler.seed)


@dataclass
class _Walk:
    """A study's walk through its grid, once it was looked for."""

    looked_for: bool = False
    walk: GridWalk | None = None


def _walk(spec: StudySpec, study: StudyMirror) -> GridWalk | None:
    """The study's walk through its grid, where it has one; None too where the grid is too large to be listed."""
    kept = study.derived(_Walk)
    if not kept.looked_for:
        kept.looked_for = True
        if isinstance(spec.sampler, methods.GridSampler | methods.BruteForceSampler):
            with contextlib.suppress(ValueError):
                kept.walk = GridWalk(grid_of(spec))
    return kept.walk
