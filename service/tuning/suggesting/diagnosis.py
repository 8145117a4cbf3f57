"""What a trial's curve says about its learning rate, with what the study knows beside it.

What is known of the study is read under the engine's lock, at a cost that does not grow with the curve; the verdict is
worked out from that and the curve, in any thread.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrtune.service.rates.diagnosis import Direction, diagnose
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.tuning.fidelity.short_trainings import is_short
from lrtune.service.tuning.state.folds import steps_are_folds
from lrtune.service.tuning.state.rates import rate_in
from lrtune.service.tuning.suggesting.compute import categories_of
from lrtune.service.tuning.suggesting.suggestion import stability_of
from lrtune.service.wire.learning_rates import main_learning_rate
from lrtune.service.wire.trials import Diagnosis

_MOST_POINTS = 1_000
_FEWEST_COMPLETE = 3
"""So many complete trials a study needs before its best says how good a run can be."""


@dataclass(frozen=True)
class Circumstances:
    """What is known of a trial beside its curve."""

    outcome: str
    last_step: int | None
    folds: bool
    direction: Direction
    learning_rate: Any
    largest_stable: float | None
    best: float | None


def circumstances_of(study: StudyMirror, trial: TrialMirror) -> Circumstances:
    """What is known of the trial now. Under the engine's lock."""
    assert study.spec is not None
    name = main_learning_rate(study.spec.search_space)
    rate = rate_in(trial.params, name)
    return Circumstances(
        outcome=trial.outcome,
        last_step=trial.last_step,
        folds=steps_are_folds(study.spec),
        direction="maximize" if study.maximizes else "minimize",
        learning_rate=rate,
        largest_stable=_largest_stable(study, trial) if rate is not None else None,
        best=_best_at(study, trial),
    )


def diagnose_curve(known: Circumstances, steps: NDArray[np.int64], values: NDArray[np.float64]) -> Diagnosis:
    """The verdict on a trial with this curve, `steps` (n,) rising and `values` (n,), and its evidence."""
    finite = np.isfinite(values)
    if known.outcome == "diverged" and finite.all():
        after = f"after step {known.last_step}" if known.last_step is not None else "before its first report"
        return Diagnosis(verdict="diverged", evidence=[f"ended as diverged {after}"])
    if known.folds:
        return Diagnosis(verdict="unclear", evidence=["its steps are folds: their order says nothing of the training"])
    kept = _thinned(finite)
    found = diagnose(
        steps[kept].tolist(),
        values[kept].tolist(),
        direction=known.direction,
        learning_rate=known.learning_rate,
        largest_stable_learning_rate=known.largest_stable,
        best_value=known.best,
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


def _thinned(finite: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Which points to look at, at most about a thousand: every so many, the last, and the first that is not finite."""
    count = len(finite)
    stride = max(1, math.ceil(count / _MOST_POINTS))
    broken = np.flatnonzero(~finite)[:1]
    return np.unique(np.concatenate([np.arange(0, count, stride), broken, np.arange(count)[-1:]]))
