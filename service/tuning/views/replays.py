"""Where `auto` would have stopped trials that are over: to see what it saves, and whom it would have cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from lrtune.service.sentences import verdicts as say
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.tuning.auto.observed import has_diverged
from lrtune.service.tuning.auto.pruner import replay
from lrtune.service.tuning.errors import InvalidField
from lrtune.service.tuning.fidelity.short_trainings import ladder_steps, tells_of_full
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.snapshot import snapshot_of_finished
from lrtune.service.tuning.trials.fence import find_trial
from lrtune.service.wire.replays import Replay

_BEST, _LATEST = 100, 150
MOST = 100
"""Trials a page: each takes some 10 ms."""


@dataclass(frozen=True)
class Replaying:
    """Trials to be replayed, and those they are judged against: none of them changes any more."""

    trials: Sequence[tuple[FrozenTrial, str]]
    others: Sequence[FrozenTrial]
    direction: StudyDirection
    max_steps: int | None
    folds: bool

    def run(self) -> list[Replay]:
        """The replays; for a thread."""
        return [self._one(trial, state) for trial, state in self.trials]

    def _one(self, trial: FrozenTrial, state: str) -> Replay:
        last = max(trial.intermediate_values, default=None)
        stopped_at, explanation = self._stopped(trial)
        saved = 0 if stopped_at is None or last is None else last - stopped_at
        fields = {"trial": trial.number, "state": state, "step": last, "stopped_at": stopped_at}
        return Replay.model_validate(fields | {"saved_steps": saved, "explanation": explanation})

    def _stopped(self, trial: FrozenTrial) -> tuple[int | None, str]:
        if self.folds:
            return None, say.no_order_of_time()
        if not trial.intermediate_values:
            return None, say.nothing_reported()
        if ladder_steps(trial.system_attrs) is not None and not has_diverged(trial):
            return None, say.of_the_ladder()
        others = [other for other in self.others if other.number != trial.number]
        found = replay(others, trial, self.direction, self.max_steps)
        bad = min((step for step, value in trial.intermediate_values.items() if not math.isfinite(value)), default=None)
        if bad is not None and (found is None or bad <= found[0]):
            return bad, say.not_finite(bad, trial.intermediate_values[bad])
        return found if found is not None else (None, say.would_have_ended())


def look(study: StudyMirror, numbers: Sequence[int]) -> Replaying:
    """What is needed to replay those trials. Under the engine's lock. Raises TrialNotFound, InvalidField."""
    assert study.spec is not None
    trials = []
    for number in numbers:
        trial = find_trial(study, number)
        if not trial.state.is_finished():
            raise InvalidField(("number",), f"trial {number} is {trial.outcome}: only what is over can be replayed")
        trials.append((trial.frozen_copy(), trial.outcome))
    others = snapshot_of_finished(study, best=_BEST, latest=_LATEST).trials
    others = [other for other in others if tells_of_full(other, study.spec.max_steps)]
    return Replaying(trials, others, study.directions[0], study.spec.max_steps, steps_are_folds(study.spec))
