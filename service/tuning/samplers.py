"""Samplers by name: how each is built for one draw, and how much of the history it is shown."""

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import optuna.samplers as optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from service.storage.mirror import StudyMirror
from service.storage.optuna_schema import FIXED_ATTR, OUTCOME_ATTR
from service.tuning.auto import AutoSampler
from service.tuning.errors import InvalidField
from service.tuning.space import distribution_of
from service.tuning.staging import Snapshot, snapshot_all, snapshot_window
from service.wire import methods
from service.wire.search_space import CategoricalParameter, IntParameter, Parameter
from service.wire.studies import StudySpec

_WINDOW_BEST = 100
_WINDOW_LATEST = 100
_MAX_GRID = 100_000


def check_sampler(spec: StudySpec) -> None:
    """Raise InvalidField where the study's sampler cannot work on its search space."""
    sampler = spec.sampler
    if isinstance(sampler, methods.GpSampler) and importlib.util.find_spec("torch") is None:
        raise InvalidField(("sampler", "name"), "gp needs torch where the service runs: pip install torch")
    if isinstance(sampler, methods.GridSampler):
        for name, parameter in spec.search_space.items():
            if parameter.when:
                raise InvalidField(
                    ("sampler", "name"), f"grid cannot search {name}, which has a condition; use bruteforce"
                )
        points = math.prod(_count(parameter, sampler.points) for parameter in spec.search_space.values())
        if points > _MAX_GRID:
            raise InvalidField(
                ("sampler", "points"), f"the grid has {points} points, the most is {_MAX_GRID}; take fewer"
            )
    if isinstance(sampler, methods.BruteForceSampler):
        for name, parameter in spec.search_space.items():
            values = _values(parameter)
            if values is None:
                raise InvalidField(("search_space", name), "needs a step for bruteforce; or use the grid sampler")
            if values > _MAX_GRID:
                raise InvalidField(
                    ("search_space", name), f"has more than {_MAX_GRID} values; take a larger step for bruteforce"
                )


def build_sampler(spec: StudySpec, number: int) -> optuna.BaseSampler:
    """A sampler for the draw of trial `number`.

    It is made anew for each draw, its seed from the study's seed and the number: what is drawn depends on the spec
    and the history alone, not on restarts. Samplers that walk a fixed sequence keep the study's seed.
    """
    sampler = spec.sampler
    own = int(np.random.SeedSequence([sampler.seed, number]).generate_state(1)[0])
    match sampler:
        case methods.AutoSampler():
            return AutoSampler(seed=own)
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
        case methods.RandomSampler():
            return optuna.RandomSampler(seed=own)
        case methods.GridSampler():
            return _GridSampler(grid_points(spec), seed=sampler.seed)
        case methods.BruteForceSampler():
            return optuna.BruteForceSampler(seed=own)


class _GridSampler(optuna.GridSampler):
    """Optuna's grid, which also knows the points that were enqueued or recorded: it hands out each point once.

    Where some parameters are fixed, the others come from a point of the grid that fits them, if one is left.
    """

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        names = self._param_names
        others = (other for other in study.get_trials(deepcopy=False) if other.number != trial.number)
        taken = {tuple(other.params.get(name) for name in names) for other in others}
        free = [index for index, point in enumerate(self._all_grids) if tuple(point) not in taken] or [0]
        fixed = trial.system_attrs.get(FIXED_ATTR, {})
        fitting = (
            index
            for index in free
            if all(fixed.get(name, value) == value for name, value in zip(names, self._all_grids[index], strict=True))
        )
        study._storage.set_trial_system_attr(trial._trial_id, "grid_id", next(fitting, free[0]))


def snapshot_for(spec: StudySpec, study: StudyMirror) -> Snapshot:
    """What the study's sampler is shown. Under the engine's lock."""
    match spec.sampler:
        case methods.AutoSampler() | methods.TpeSampler() | methods.GpSampler():
            snapshot = snapshot_window(study, best=_WINDOW_BEST, latest=_WINDOW_LATEST)
        case methods.RandomSampler():
            snapshot = snapshot_window(study, best=0, latest=1)
        case _:
            snapshot = snapshot_all(study)
    if isinstance(spec.sampler, methods.GpSampler | methods.CmaesSampler):
        return replace(snapshot, trials=with_divergence_as_worst(snapshot.trials, study.maximizes))
    return snapshot


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


def grid_points(spec: StudySpec) -> dict[str, list[Any]]:
    """The values of each parameter on the grid."""
    sampler = spec.sampler
    assert isinstance(sampler, methods.GridSampler)
    return {name: _points(parameter, sampler.points) for name, parameter in spec.search_space.items()}


def _values(parameter: Parameter) -> int | None:
    """How many values the parameter has; None for a float without step."""
    if isinstance(parameter, CategoricalParameter):
        return len(parameter.choices)
    if isinstance(parameter, IntParameter):
        return (parameter.high - parameter.low) // parameter.step + 1
    return None if parameter.step is None else math.floor((parameter.high - parameter.low) / parameter.step + 1e-9) + 1


def _count(parameter: Parameter, points: int) -> int:
    """How many of the parameter's values are on the grid, without listing them."""
    values = _values(parameter)
    if values is None or isinstance(parameter, IntParameter):
        return min(points, values or points)
    return values


def _points(parameter: Parameter, count: int) -> list[Any]:
    if isinstance(parameter, CategoricalParameter):
        return list(parameter.choices)
    if isinstance(parameter, IntParameter):
        whole = range(parameter.low, parameter.high + 1, parameter.step)
        if len(whole) <= count:
            return list(whole)
        spread = np.geomspace if parameter.log else np.linspace
        return sorted({_on_grid(value, parameter) for value in spread(parameter.low, parameter.high, count)})
    if parameter.step is not None:
        steps = math.floor((parameter.high - parameter.low) / parameter.step + 1e-9)
        return [parameter.low + index * parameter.step for index in range(steps + 1)]
    spread = np.geomspace if parameter.log else np.linspace
    inner = [float(value) for value in spread(parameter.low, parameter.high, count)[1:-1]]
    return [parameter.low, *inner, parameter.high]


def _on_grid(value: float, parameter: IntParameter) -> int:
    steps = round((float(value) - parameter.low) / parameter.step)
    return min(parameter.low + steps * parameter.step, parameter.high)


def distributions_of(space: Mapping[str, Parameter]) -> dict[str, BaseDistribution]:
    """The Optuna distributions of a space, by name."""
    return {name: distribution_of(parameter) for name, parameter in space.items()}
