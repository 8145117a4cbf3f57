"""Short trainings by lease: the ladder on a study's own trials. See `service.tuning.auto.ladder` and docs/ladder.md."""

from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from service.tuning.auto.ladder import BUDGET, Answer, Step, Training, answer, centre_of, next_training, rungs
from service.tuning.auto.ladder_rates import Centre
from service.tuning.auto.observed import has_diverged
from service.tuning.folds import steps_are_folds
from service.tuning.rate_prior import RANGE_TEST_ATTR, priors_of
from service.tuning.space import main_learning_rate
from service.tuning.staging import Snapshot
from service.wire import methods
from service.wire.search_space import FloatParameter
from service.wire.studies import StudySpec

LADDER_ATTR = "lrtune:ladder_steps"
"""Of a trial: the length in steps that the ladder gave it. Where that is less than the study's `max_steps`, the trial's
value is no full training's and is not to be compared with one."""


def climbs(spec: StudySpec) -> bool:
    """Whether short trainings are asked of a trainer that anneals within its lease: where the rate is all that is
    searched, all is left to `auto`, and there is a length to shorten."""
    name = main_learning_rate(spec.search_space)
    parameter = spec.search_space.get(name) if name is not None else None
    return (
        isinstance(spec.sampler, methods.AutoSampler)
        and isinstance(spec.pruner, methods.AutoPruner)
        and spec.max_steps is not None
        and len(rungs(spec.max_steps)) > 1
        and not steps_are_folds(spec)
        and len(spec.search_space) == 1
        and isinstance(parameter, FloatParameter)
        and parameter.log
    )


def is_short(system_attrs: dict[str, Any], max_steps: int | None) -> bool:
    """Whether a trial with these system attributes was given less than a full training."""
    return max_steps is not None and int(system_attrs.get(LADDER_ATTR, max_steps)) < max_steps


def choose(spec: StudySpec, snapshot: Snapshot) -> Step:
    """What the next free worker trains: `Step.learning_rate` for `Step.steps`, to be kept as `LADDER_ATTR`; nothing
    yet where it says "wait"; where it says "done" the study goes on with full trainings."""
    low, high = _bounds(spec)
    assert spec.max_steps is not None
    return next_training(
        trainings(spec, snapshot.trials),
        low=low,
        high=high,
        max_steps=spec.max_steps,
        centre=_centre(spec, snapshot.system_attrs),
        budget=BUDGET,
    )


def conclude(spec: StudySpec, trials: Iterable[FrozenTrial], system_attrs: dict[str, Any]) -> Answer:
    """What to train with in full, by the ladder so far; `expected_loss` in the study's own direction."""
    low, high = _bounds(spec)
    assert spec.max_steps is not None
    told = trainings(spec, trials)
    found = answer(told, low=low, high=high, max_steps=spec.max_steps, centre=_centre(spec, system_attrs))
    if found.expected_loss is None or spec.direction == "minimize":
        return found
    return Answer(found.learning_rate, -found.expected_loss, found.steps, found.explanation)


def trainings(spec: StudySpec, trials: Iterable[FrozenTrial]) -> list[Training]:
    """The trials as the ladder sees them. One that failed for good counts as diverged, so that its rate is not tried
    again and again; one that was stopped early, or waits, does not count."""
    name, full = main_learning_rate(spec.search_space), spec.max_steps
    assert full is not None
    sign = -1.0 if spec.direction == "maximize" else 1.0
    found = []
    for trial in trials:
        if name not in trial.params:
            continue
        steps = int(trial.system_attrs.get(LADDER_ATTR, full))
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            found.append(Training(trial.params[name], steps, sign * trial.value))
        elif has_diverged(trial) or trial.state is TrialState.FAIL:
            found.append(Training(trial.params[name], steps, float("inf")))
        elif trial.state is TrialState.RUNNING or (trial.state is TrialState.WAITING and trial.params):
            found.append(Training(trial.params[name], steps, None))
    return found


def _bounds(spec: StudySpec) -> tuple[float, float]:
    name = main_learning_rate(spec.search_space)
    assert name is not None
    parameter = spec.search_space[name]
    assert isinstance(parameter, FloatParameter)
    return float(parameter.low), float(parameter.high)


def _centre(spec: StudySpec, system_attrs: dict[str, Any]) -> Centre | None:
    """The log-mean of the study's prior and its range test."""
    if spec.prior == "none":
        return None
    priors = list(priors_of(spec, system_attrs).values())
    prior = priors[0] if len(priors) == 1 else None
    tested = system_attrs.get(RANGE_TEST_ATTR)
    rate = None if tested is None else float(tested)
    return centre_of(None, rate) if prior is None else centre_of(prior.median, rate, prior.spread_decades)
