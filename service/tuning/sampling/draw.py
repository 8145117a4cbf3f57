"""Drawing the parameters of one trial."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import FIXED_ATTR
from lrtune.service.tuning.fidelity.ladder import next_step
from lrtune.service.tuning.fidelity.pausing import Promotion, choose
from lrtune.service.tuning.fidelity.short_trainings import for_full
from lrtune.service.tuning.sampling.drawn import (
    Fallback,
    LadderPoint,
    LadderWaits,
    NothingEarned,
    PausablePoint,
    Point,
    RepeatedPoint,
)
from lrtune.service.tuning.sampling.pruners import build_pruner
from lrtune.service.tuning.sampling.random_values import generator, random_value
from lrtune.service.tuning.sampling.samplers import build_sampler
from lrtune.service.tuning.state.folds import steps_are_folds, with_means
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.state.space.distributions import drawing_order
from lrtune.service.tuning.state.space.params import possible_params, with_parents
from lrtune.service.tuning.state.staged_storage import StagedStorage, Written
from lrtune.service.wire import methods
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import is_active
from lrtune.service.wire.studies import StudySpec

_log = logging.getLogger(__name__)

_LONGEST_TOLD = 300
"""Characters of an error that are kept with a trial."""


def draw(
    spec: StudySpec,
    snapshot: Snapshot,
    number: int,
    trial_id: int,
    fixed: Mapping[str, Any] | None = None,
    random: bool = False,
) -> Point:
    """Draw the parameters of trial `number`; those in `fixed` are taken as given.

    Pure in its arguments: the same spec, snapshot and number give the same parameters. With `random` the study's
    sampler is left aside.
    """
    snapshot = for_full(spec, snapshot)
    if steps_are_folds(spec):
        snapshot = replace(snapshot, trials=with_means(spec, snapshot.trials))
    if random or draws_at_once(spec, snapshot):
        return _draw_at_once(spec, snapshot, number, fixed or {}, None if random else snapshot.point)
    given = _with_parents(spec, fixed, {}, number)
    staged = _staged_trial(number, trial_id, given)
    storage = StagedStorage(snapshot, staged)
    pruner = NopPruner() if steps_are_folds(spec) else build_pruner(spec, snapshot.max_trials)
    study = storage.study(build_sampler(spec, number, snapshot), pruner)
    trial = optuna.Trial(study, trial_id)
    distributions = snapshot.distributions
    for name in drawing_order(spec.search_space):
        if is_active(spec.search_space[name], staged.params):
            _suggest(trial, name, distributions[name])
    params = possible_params(spec.search_space, staged.params)  # In the order of drawing: bruteforce needs it.
    exhausted = enumerates(spec) and not given and any(params == t.params for t in snapshot.trials)
    return (RepeatedPoint if exhausted else Point)(params, _distributions_of(params, snapshot), storage.written)


def _with_parents(
    spec: StudySpec, fixed: Mapping[str, Any] | None, beside: Mapping[str, Any], number: int
) -> dict[str, Any]:
    """What is fixed, with what it needs to exist: a parent that was left out is drawn among its fitting values."""
    if not fixed:
        return {}
    return with_parents(spec.search_space, fixed, beside, generator(spec.sampler.seed, number))


def _distributions_of(params: Mapping[str, Any], snapshot: Snapshot) -> dict[str, BaseDistribution]:
    return {name: snapshot.distributions[name] for name in params}


def _staged_trial(number: int, trial_id: int, fixed: Mapping[str, Any] | None) -> FrozenTrial:
    """A running trial without parameters, as Optuna's samplers are shown it."""
    return FrozenTrial(
        number=number,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={FIXED_ATTR: dict(fixed)} if fixed else {},
        intermediate_values={},
        trial_id=trial_id,
    )


def draws_at_once(spec: StudySpec, snapshot: Snapshot) -> bool:
    """Whether a draw takes microseconds: random values, or a point that is known already. It needs no thread then."""
    return snapshot.point is not None or isinstance(spec.sampler, methods.RandomSampler)


def _draw_at_once(
    spec: StudySpec, snapshot: Snapshot, number: int, fixed: Mapping[str, Any], point: Mapping[str, Any] | None
) -> Point:
    given = {**(point or {}), **_with_parents(spec, fixed, point or {}, number)}
    source = generator(spec.sampler.seed, number)
    params: dict[str, Any] = {}
    for name in drawing_order(spec.search_space):
        parameter = spec.search_space[name]
        if is_active(parameter, params):
            params[name] = given[name] if name in given else random_value(parameter, source)
    params = possible_params(spec.search_space, params)
    exhausted = point is not None and not point and not fixed
    return (RepeatedPoint if exhausted else Point)(params, _distributions_of(params, snapshot), Written())


def draw_or_random(
    spec: StudySpec, snapshot: Snapshot, number: int, trial_id: int, fixed: Mapping[str, Any] | None = None
) -> Point:
    """Like `draw`; where the study's sampler fails, the trial is drawn at random, and the failure is logged and kept
    with it."""
    try:
        return draw(spec, snapshot, number, trial_id, fixed)
    except Exception as error:
        _log.exception(
            "sampler %s failed on trial %d of %s; drawing it at random",
            spec.sampler.name,
            number,
            snapshot.name,
        )
        return draw_instead(spec, snapshot, number, trial_id, fixed, f"it failed: {_told(error)}")


def draw_instead(
    spec: StudySpec, snapshot: Snapshot, number: int, trial_id: int, fixed: Mapping[str, Any] | None, why: str
) -> Point:
    """A random draw, microseconds, since the study's sampler cannot draw: `why`."""
    point = draw(spec, snapshot, number, trial_id, fixed, random=True)
    return replace(point, fallback=Fallback("random", f"sampler {spec.sampler.name}: {why}"))


def _without_choice(
    spec: StudySpec, snapshot: Snapshot, number: int, trial_id: int, what: str, error: Exception
) -> Point:
    """A draw where the choice that should have been made before it failed."""
    _log.exception("%s of %s failed; drawing trial %d", what, snapshot.name, number)
    point = draw_or_random(spec, snapshot, number, trial_id)
    if point.fallback is not None:
        return point
    return replace(point, fallback=Fallback(spec.sampler.name, f"{what} failed: {_told(error)}"))


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_LONGEST_TOLD]


def promote_or_draw(
    spec: StudySpec, snapshot: Snapshot, number: int, trial_id: int, *, insists: bool
) -> Promotion | Point:
    """A paused trial that goes on, or the parameters of trial `number`, which may be paused; see `pausing.choose`.
    Where that fails, the parameters are drawn as for a trial that cannot be paused."""
    try:
        choice = choose(spec, for_full(spec, snapshot), number, insists=insists)
    except Exception as error:
        return _without_choice(spec, snapshot, number, trial_id, "the choice of what to train next", error)
    if isinstance(choice, Promotion):
        return choice
    assert choice is not None, "a new trial may be begun"
    params = possible_params(spec.search_space, choice.params)
    return PausablePoint(params, _distributions_of(params, snapshot), Written(), choice.target, choice.whole)


def promote_or_none(spec: StudySpec, snapshot: Snapshot, number: int, *, insists: bool) -> Promotion | NothingEarned:
    """A paused trial that goes on, if one has earned it. `number`: what the next trial's would be."""
    try:
        choice = choose(spec, for_full(spec, snapshot), number, fresh=False, insists=insists)
    except Exception:
        _log.exception("no paused trial of %s could be chosen", snapshot.name)
        return NothingEarned()
    return choice if isinstance(choice, Promotion) else NothingEarned()


def climb_or_draw(
    spec: StudySpec, ladder: Snapshot, snapshot: Snapshot, number: int, trial_id: int
) -> Point | LadderWaits:
    """The next training of the ladder; where that is over, or fails, the parameters of trial `number`."""
    name = main_learning_rate(spec.search_space)
    try:
        step = next_step(spec, ladder)
    except Exception as error:
        return _without_choice(spec, snapshot, number, trial_id, "the ladder", error)
    if step.kind == "wait":
        return LadderWaits()
    if step.learning_rate is None or step.steps is None or name is None:
        return draw_or_random(spec, snapshot, number, trial_id)
    params = possible_params(spec.search_space, {name: step.learning_rate})
    return LadderPoint(params, _distributions_of(params, snapshot), Written(), step.steps)


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> None:
    match distribution:
        case optuna.distributions.FloatDistribution(low=low, high=high, step=step, log=log):
            trial.suggest_float(name, low, high, step=step, log=log)
        case optuna.distributions.IntDistribution(low=low, high=high, step=step, log=log):
            trial.suggest_int(name, low, high, step=step, log=log)
        case optuna.distributions.CategoricalDistribution(choices=choices):
            trial.suggest_categorical(name, choices)
        case _:
            raise TypeError(f"{name}: no parameter has a {type(distribution).__name__}")


def enumerates(spec: StudySpec) -> bool:
    """Whether the study's sampler walks through a finite space, each point once."""
    return isinstance(spec.sampler, methods.GridSampler | methods.BruteForceSampler)
