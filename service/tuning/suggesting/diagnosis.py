"""What a trial's curve says about its learning rate, with what the study knows beside it. Under the engine's lock."""

import math
from collections.abc import Sequence
from typing import Any

from lrtune.service.rates.diagnosis import diagnose
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.suggesting.compute import categories_of
from lrtune.service.tuning.suggesting.suggestion import stability_of
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.trials import Diagnosis

_MOST_POINTS = 1_000
_FEWEST_COMPLETE = 3
"""So many complete trials a study needs before its best says how good a run can be."""

Point = tuple[int, float]


def diagnose_trial(study: StudyMirror, trial: TrialMirror) -> Diagnosis:
    """The verdict on a trial so far, and its evidence."""
    points = sorted(trial.intermediate.items())
    if trial.outcome == "diverged" and all(math.isfinite(value) for _, value in points):
        after = f"after step {trial.last_step}" if trial.last_step is not None else "before its first report"
        return Diagnosis(verdict="diverged", evidence=[f"ended as diverged {after}"])
    assert study.spec is not None
    if steps_are_folds(study.spec):
        return Diagnosis(verdict="unclear", evidence=["its steps are folds: their order says nothing of the training"])
    name = main_learning_rate(study.spec.search_space)
    rate: Any = trial.params.get(name) if name is not None else None
    thinned = _thinned(points)
    found = diagnose(
        [step for step, _ in thinned],
        [value for _, value in thinned],
        direction="maximize" if study.maximizes else "minimize",
        learning_rate=rate,
        largest_stable_learning_rate=_largest_stable(study, trial) if rate is not None else None,
        best_value=_best_at(study, trial),
    )
    return Diagnosis(verdict=found.verdict, evidence=list(found.evidence))


def _largest_stable(study: StudyMirror, trial: TrialMirror) -> float | None:
    stability = stability_of(study)
    assert study.spec is not None
    return None if stability is None else stability.largest_stable(categories_of(trial.params, study.spec.search_space))


def _best_at(study: StudyMirror, trial: TrialMirror) -> float | None:
    """The value of the study's best trial at the last step of this one: of its end, for a complete one. None for a
    short training, whose curve no other's can be compared with."""
    best = study.best
    assert study.spec is not None
    if best is None or len(study.ranking) < _FEWEST_COMPLETE or is_short(trial.system_attrs, study.spec.max_steps):
        return None
    if trial.outcome == "complete":
        return best.value
    return None if trial.last_step is None else best.intermediate.get(trial.last_step)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most about a thousand points: every so many, the last, and the first that is not finite."""
    stride = -(-len(points) // _MOST_POINTS)
    if stride <= 1:
        return list(points)
    broken = next((index for index, (_, value) in enumerate(points) if not math.isfinite(value)), -1)
    last = len(points) - 1
    return [point for index, point in enumerate(points) if index % stride == 0 or index in (broken, last)]
