"""`AutoPruner`: the default pruner, as Optuna's."""

from collections.abc import Callable, Sequence

import numpy as np
from optuna.pruners import BasePruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.sentences import verdicts as say
from lrtune.service.tuning.auto.arguments import check_count
from lrtune.service.tuning.auto.evidence import FRACTIONS, Floats, checkpoint_steps
from lrtune.service.tuning.auto.observed import Length, as_curve, has_diverged, length_of, observe, window
from lrtune.service.tuning.auto.policy import race, rungs
from lrtune.service.tuning.auto.policy.retraining import began_as, furthest_runs, trains_to
from lrtune.service.tuning.auto.policy.trial_budget import few_steps_per_trial
from lrtune.service.tuning.auto.space import Space

_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


class AutoPruner(BasePruner):
    """Stops what diverged and, in spaces of several parameters, what does not lead: as far as the finished trials' own
    curves say that early ranks can be trusted.

    Under an `AutoSampler` a trial stops at the first rung that it does not lead, and may be trained again from its
    start when it does (`policy.retraining`). Where trials are the budget, or under another sampler, it stops
    where it is behind the finished ones (`policy.race`). A trial is judged at fixed shares of a full
    training; the length of one is that of the longest complete trial unless `max_steps` is given, and until a trial is
    complete nothing is stopped without it.

    Args:
        max_steps: Length of a full training in reports.
        max_trials: The budget, where it is trials: those of `study.optimize(n_trials=…)`. They are raced only while
            they had half of their steps on average, since a step saved on one buys no other, and none is trained again,
            since that would take one of them. Without it steps count.

    Raises:
        ValueError: For arguments that cannot be, naming which.
    """

    def __init__(self, *, max_steps: int | None = None, max_trials: int | None = None) -> None:
        check_count("max_steps", max_steps)
        check_count("max_trials", max_trials)
        self._max_steps = max_steps
        self._max_trials = max_trials
        self.explanation = ""
        """Why the last trial that was asked about goes on or stops."""

    @property
    def promotes(self) -> bool:
        """Whether trials may be trained again: where they are no budget."""
        return self._max_trials is None

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        step = trial.last_step
        if step is None:
            return False
        if not np.isfinite(trial.intermediate_values[step]):
            self.explanation = say.not_finite(step, trial.intermediate_values[step])
            return True
        trials = study._get_trials(deepcopy=False, states=_STATES, use_cache=False)
        length = self.length_of(trials, trial)
        if length is None or not _is_checkpoint(trial, step, length):
            return False
        others = [other for other in trials if other.number != trial.number]
        call = judge(others, trial, study.direction, length, behind=self._behind([*others, trial], length))
        self.explanation = call.explanation
        return call.stop

    def _behind(self, trials: Sequence[FrozenTrial], length: Length) -> bool:
        steps = sum(t.last_step - length.first + 1 for t in trials if t.last_step is not None)
        return few_steps_per_trial(steps, len(trials), max_steps=length.full, max_trials=self._max_trials)

    def length_of(self, trials: Sequence[FrozenTrial], trial: FrozenTrial) -> Length | None:
        """How long a full training is; None while no trial is complete, unless it was told."""
        complete = [t for t in trials if t.state is TrialState.COMPLETE and t.intermediate_values]
        if self._max_steps is None and not complete:
            return None
        return length_of([*complete[-20:], trial], self._max_steps)


def judge(
    others: Sequence[FrozenTrial],
    trial: FrozenTrial,
    direction: StudyDirection,
    length: Length,
    *,
    behind: bool = False,
) -> race.Call:
    """The decision on a trial at the last step it reported, given the other trials; `behind` as in `race.decide`."""
    rule = _rule(others, trial, direction, length)
    return rule(as_curve(trial, direction, length), unfinished_in_a_row(others), behind)


def _rule(
    others: Sequence[FrozenTrial], trial: FrozenTrial, direction: StudyDirection, length: Length
) -> Callable[[Floats, int, bool], race.Call]:
    """What decides on a curve (K,) of the trial's, given the others stopped in a row and whether it is `behind`."""
    space, share = Space(trial.distributions), trains_to(trial.system_attrs)
    shown = window(others, direction)
    if share is not None and space.columns > 1:
        own = began_as(trial)
        shown = [other for other in furthest_runs(shown) if began_as(other) != own]
        rivals = observe(shown, space, direction, length, failed_counts=False)
        return lambda curve, in_a_row, behind: rungs.judge(rivals, curve, share, length.full)
    evidence = observe(shown, space, direction, length, failed_counts=False)
    return lambda curve, in_a_row, behind: race.decide(
        evidence, curve, trial.number, in_a_row, length.full, behind=behind
    )


def replay(
    others: Sequence[FrozenTrial], trial: FrozenTrial, direction: StudyDirection, max_steps: int | None = None
) -> tuple[int, str] | None:
    """The step where the trial would have been stopped, judged against all `others`, and why; None where nowhere."""
    length = length_of([*others, trial], max_steps)
    rule, curve = _rule(others, trial, direction, length), as_curve(trial, direction, length)
    for checkpoint in range(len(FRACTIONS) - 1):
        if not np.isfinite(curve[checkpoint]):
            return None
        seen = np.where(np.arange(len(FRACTIONS)) <= checkpoint, curve, np.nan)
        call = rule(seen, 0, False)
        if call.stop:
            return checkpoint_steps(length.full)[checkpoint] + length.first - 1, call.explanation
    return None


def unfinished_in_a_row(trials: Sequence[FrozenTrial]) -> int:
    """How many of the latest trials were stopped since the last one that finished."""
    return race.stopped_in_a_row(map(_ending, reversed(trials)))


def _ending(trial: FrozenTrial) -> race.Ending:
    if trial.state is TrialState.COMPLETE:
        return "finished"
    return "stopped" if trial.state is TrialState.PRUNED and not has_diverged(trial) else "other"


def _is_checkpoint(trial: FrozenTrial, step: int, length: Length) -> bool:
    """Whether a checkpoint lies between the last two reports: steps may be reported in leaps."""
    before = max((other for other in trial.intermediate_values if other < step), default=length.first - 1)
    done, done_before = step - length.first + 1, before - length.first + 1
    return any(done_before < needed <= done for needed in checkpoint_steps(length.full)[:-1])
