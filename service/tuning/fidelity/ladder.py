"""The ladder on a study's own trials: whether it is climbed, what it trains next, and what it concludes.

The choice itself is that of `tuning.auto.ladder.ladder`, on arrays; see docs/explanation/ladder.md.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.auto.ladder.ladder import (
    BUDGET,
    Answer,
    Step,
    Training,
    answer,
    centre_of,
    counts,
    lengths_of,
    next_training,
)
from lrtune.service.tuning.auto.ladder.rates import Centre
from lrtune.service.tuning.auto.observed import has_diverged
from lrtune.service.tuning.fidelity.short_trainings import (
    climbs,
    count_short,
    ladder_of,
    ladder_steps,
    short_trainings_of,
)
from lrtune.service.tuning.state.budget import counted_trials
from lrtune.service.tuning.state.rate_prior import prior_of, priors_of, tested_rate
from lrtune.service.tuning.state.snapshot import Snapshot, snapshot_of_trials
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import FloatParameter
from lrtune.service.wire.studies import StudySpec

_ENOUGH_FULL = 4
"""A study that has so many complete full trainings begins no ladder: it knows more than the ladder would find."""

_FULL_BEST, _FULL_LATEST = 20, 20
"""Full trainings that the ladder is shown, beside its own."""


def is_climbing(study: StudyMirror, spec: StudySpec) -> bool:
    """Whether a trainer that anneals is to be asked for the ladder's next training, if there is one.

    A ladder is begun only where the study's budget holds all of it, with what is kept for replicates, and where few
    full trainings are known. Under the engine's lock.
    """
    if short_trainings_of(spec, study.system_attrs) == "none" or not climbs(spec):
        return False
    if ladder_of(study):
        return True
    assert spec.max_steps is not None
    plan = counts(spec.max_steps)
    cost = sum(many * steps for many, steps in zip(plan, lengths_of(spec.max_steps), strict=True))
    tally, trials, total = study.tally, study.max_trials, study.max_total_steps
    return (
        len(study.ranking) < _ENOUGH_FULL
        and (trials is None or trials - counted_trials(study) - _kept_for_repeats(spec, trials) >= sum(plan))
        and (total is None or total - tally.trained - tally.reserved - tally.awaited >= cost)
    )


def _kept_for_repeats(spec: StudySpec, max_trials: int) -> int:
    """How many trials of the budget may go into replicates (`tuning.trials.replicates`)."""
    return min(3 * spec.replicates, max_trials // 2)


def snapshot_for_ladder(study: StudyMirror) -> Snapshot:
    """What the ladder rests on: its own trials, and the best and latest others. Under the engine's lock."""
    return snapshot_of_trials(study, _numbers(study))


def look_at_ladder(study: StudyMirror) -> Snapshot | None:
    """The same for the suggestion; None while no short training is complete. Under the engine's lock."""
    return snapshot_for_ladder(study) if count_short(study) else None


def _numbers(study: StudyMirror) -> list[int]:
    count = len(study.trials)
    numbers = {trial.number for trial in ladder_of(study)}.union(range(max(0, count - _FULL_LATEST), count))
    return sorted(numbers.union(number for _, number in study.ranking[:_FULL_BEST]))


def next_step(spec: StudySpec, snapshot: Snapshot) -> Step:
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


def conclude(spec: StudySpec, trials: Iterable[FrozenTrial], system_attrs: Mapping[str, Any]) -> Answer:
    """What to train with in full, by the ladder so far; `expected_loss` in the study's own direction."""
    low, high = _bounds(spec)
    assert spec.max_steps is not None
    told = trainings(spec, trials)
    found = answer(told, low=low, high=high, max_steps=spec.max_steps, centre=_centre(spec, system_attrs))
    if found.expected_loss is None or spec.direction == "minimize":
        return found
    return replace(found, expected_loss=-found.expected_loss)


def trainings(spec: StudySpec, trials: Iterable[FrozenTrial]) -> list[Training]:
    """The trials as the ladder sees them. One of its own that failed for good counts as diverged, so that its rate is
    not tried again and again; one that its trainer broke off counts with its last value. Others that were stopped
    early do not count, nor do those that failed."""
    name, full = main_learning_rate(spec.search_space), spec.max_steps
    assert full is not None
    sign = -1.0 if spec.direction == "maximize" else 1.0
    found = []
    for trial in trials:
        if name not in trial.params:
            continue
        length = ladder_steps(trial.system_attrs)
        ours, steps = length is not None, length or full
        ended = trial.state is TrialState.COMPLETE or (ours and trial.state is TrialState.PRUNED)
        if has_diverged(trial, failed_counts=False) or (ours and trial.state is TrialState.FAIL):
            found.append(Training(trial.params[name], steps, math.inf, ours))
        elif ended and trial.values:
            found.append(Training(trial.params[name], steps, sign * trial.values[0], ours))
        elif trial.state is TrialState.RUNNING or (trial.state is TrialState.WAITING and trial.params):
            found.append(Training(trial.params[name], steps, None, ours))
    return found


def _bounds(spec: StudySpec) -> tuple[float, float]:
    name = main_learning_rate(spec.search_space)
    assert name is not None
    parameter = spec.search_space[name]
    assert isinstance(parameter, FloatParameter)
    return float(parameter.low), float(parameter.high)


def _centre(spec: StudySpec, system_attrs: Mapping[str, Any]) -> Centre | None:
    """The log-mean of the study's prior and its range test."""
    if prior_of(spec, system_attrs) == "none":
        return None
    priors = list(priors_of(spec, system_attrs).values())
    prior = priors[0] if len(priors) == 1 else None
    rate = tested_rate(system_attrs)
    return centre_of(None, rate) if prior is None else centre_of(prior.median, rate, prior.spread_decades)
