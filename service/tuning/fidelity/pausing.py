"""Pause and resume: trials that can be taken up again later train for as long as they earn it.

Each lease of such a trial goes to a step; there it is paused, and waits with its curve and its checkpoint. The next
free worker gets either the paused trial that is worth most, for some more steps, or a new one: see
`tuning.auto.policy.promotion`, which decides in a thread, on a snapshot.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.sentences import verdicts as say
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.attributes import DIVERGED_ATTR, PAUSE_AT_ATTR, WHOLE_ATTR, whole_number
from lrtune.service.tuning.auto.evidence import FRACTIONS, steps_at
from lrtune.service.tuning.auto.observed import Length, observe
from lrtune.service.tuning.auto.policy import promotion
from lrtune.service.tuning.auto.policy.initial_design import crowd_point
from lrtune.service.tuning.auto.policy.rungs import RUNGS
from lrtune.service.tuning.auto.policy.trial_budget import few_steps_per_trial
from lrtune.service.tuning.auto.prior import quantiles_in
from lrtune.service.tuning.auto.space import Space
from lrtune.service.tuning.state.budget import counted_trials
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.rate_prior import rate_quantiles
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.state.space.distributions import drawing_order
from lrtune.service.wire import methods
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.search_space import CategoricalParameter, Parameter, is_active, sampling_order
from lrtune.service.wire.studies import StudySpec


@dataclass(frozen=True)
class Promotion:
    """The paused trial `number` goes on until the step `target`; with `whole` it trains to its end whatever its early
    ranks, and `WHOLE_ATTR` is to be set."""

    number: int
    target: int
    whole: bool


@dataclass(frozen=True)
class NewPoint:
    """A trial with these `params` begins, to be paused at the step `target`; `whole` as for a promotion."""

    params: dict[str, Any]
    target: int
    whole: bool


def pauses(spec: StudySpec) -> bool:
    """Whether the study's trials are paused where the trainer can resume them: where all is left to `auto`."""
    return (
        isinstance(spec.sampler, methods.AutoSampler)
        and isinstance(spec.pruner, methods.AutoPruner)
        and spec.max_steps is not None
        and not steps_are_folds(spec)
        and any(_varies(parameter) for parameter in spec.search_space.values())
    )


def insists(study: StudyMirror) -> bool:
    """Whether a paused trial that earned it goes on rather than a new one being begun, since few steps were trained
    for as many trials: see `few_steps_per_trial`. Steps that running trials are leased for count as trained."""
    spec = study.spec
    if spec is None or spec.max_steps is None:
        return False
    leased = sum(
        max(_leased_until(trial, spec.max_steps) - (trial.last_step or 0), 0) for trial in study.leased.values()
    )
    return few_steps_per_trial(
        study.tally.trained + leased,
        counted_trials(study),
        max_steps=spec.max_steps,
        max_trials=study.max_trials,
        max_total_steps=study.max_total_steps,
    )


def _leased_until(trial: TrialMirror, full: int) -> int:
    target = target_of(trial)
    return full if target is None else target


def target_of(trial: TrialMirror) -> int | None:
    """The step at which the trial is to be paused; None where its lease cannot be, or was given without one."""
    target = whole_number(trial.system_attrs, PAUSE_AT_ATTR)
    can = trial.work is not None and trial.work.resumable
    return target if can else None


def why_paused(study: StudyMirror, trial: TrialMirror, step: int) -> str:
    """The explanation of a pause, with the trial's standing among the paused ones."""
    best = -trial.highest if study.maximizes else trial.lowest
    ranked = study.paused_ranking
    rank = bisect_left(ranked, (best, -1)) + 1
    full = trial.work.max_steps if trial.work else None
    return say.paused(step, full, rank, len(ranked) + 1)


def choose(
    spec: StudySpec, snapshot: Snapshot, number: int, *, fresh: bool = True, insists: bool = False
) -> Promotion | NewPoint | None:
    """What the next free worker does; pure in its arguments.

    Without `fresh` no trial may be begun: None says that no paused one has earned more steps. `insists`: see the
    function of that name. `number`: how many trials were begun.
    """
    assert spec.max_steps is not None
    varied = {name: d for name, d in snapshot.distributions.items() if not d.single()}
    space = Space(varied, main_learning_rate(spec.search_space))
    quantiles = quantiles_in(space, rate_quantiles(spec, snapshot.system_attrs))
    if snapshot.crowded and fresh and not snapshot.promotable:
        point = crowd_point(number, space, spec.sampler.seed, quantiles)
        target = steps_at(float(FRACTIONS[RUNGS[0]]), spec.max_steps)
        return NewPoint(_params(spec, snapshot, space.decode(point)), target, False)
    shown = [trial for trial in snapshot.trials if _tells(trial)]
    direction = StudyDirection.MAXIMIZE if spec.direction == "maximize" else StudyDirection.MINIMIZE
    length = Length(1, spec.max_steps)
    evidence = observe(shown, space, direction, length, failed_counts=False, failing=snapshot.trials)
    decision = promotion.decide(
        evidence,
        np.array([trial.number in snapshot.promotable for trial in shown], dtype=bool),
        space,
        number=number,
        seed=spec.sampler.seed,
        whole=np.array([trial.system_attrs.get(WHOLE_ATTR) is True for trial in shown], dtype=bool),
        quantiles=quantiles,
        insists=insists,
        fresh=fresh,
        max_trials=snapshot.max_trials,
    )
    target = steps_at(float(FRACTIONS[decision.until]), spec.max_steps)
    if decision.trial is not None:
        taken = shown[decision.trial]
        reached = taken.last_step or 0
        beyond = (steps_at(share, spec.max_steps) for share in FRACTIONS.tolist())
        target = max(target, next((step for step in beyond if step > reached), spec.max_steps))
        return Promotion(taken.number, target, decision.whole)
    if not fresh:
        return None
    assert decision.point is not None
    return NewPoint(_params(spec, snapshot, space.decode(decision.point)), target, decision.whole)


def _tells(trial: FrozenTrial) -> bool:
    """Those that `observe` takes for evidence, each of them."""
    if trial.state is TrialState.PRUNED:
        return bool(trial.intermediate_values) or DIVERGED_ATTR in trial.system_attrs
    return trial.state in (TrialState.COMPLETE, TrialState.RUNNING)


def _varies(parameter: Parameter) -> bool:
    if isinstance(parameter, CategoricalParameter):
        return len(parameter.choices) > 1
    return parameter.low != parameter.high


def _params(spec: StudySpec, snapshot: Snapshot, decoded: Mapping[str, Any]) -> dict[str, Any]:
    """A point's parameters: those that are the same in all trials added, those whose condition does not hold left
    out; in the order of drawing."""
    params: dict[str, Any] = {}
    for name in sampling_order(spec.search_space):
        if is_active(spec.search_space[name], params):
            params[name] = decoded[name] if name in decoded else _only_value(snapshot.distributions[name])
    return {name: params[name] for name in drawing_order(spec.search_space) if name in params}


def _only_value(distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    return distribution.low
