"""Studies whose steps are the folds of a cross-validation: their reports are no learning curve.

Each fold is reported as it is, so that a pruner can compare two settings fold by fold. What a setting is judged by is
the mean over its folds, of one that was stopped over those it came to.
"""

import copy
from collections.abc import Iterable, Mapping
from itertools import accumulate

from optuna.trial import FrozenTrial

from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec

FOLDS_TAG = "folds"


def steps_are_folds(spec: StudySpec) -> bool:
    """Whether a trial's reports are one value a fold, or a problem, in no order of time: the study says so by a tag
    `folds`, or by a pruner that compares such values in pairs."""
    pruner = spec.pruner.wrapped if isinstance(spec.pruner, methods.PatientPruner) else spec.pruner
    return FOLDS_TAG in spec.tags or isinstance(pruner, methods.WilcoxonPruner)


def mean_of_folds(values: Mapping[int, float]) -> float:
    """The mean of the folds that were reported, by number; there must be one."""
    return sum(value / len(values) for value in values.values())


def with_means(spec: StudySpec, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The trials as samplers and suggestions are shown them: where steps are folds, each with the means of its folds so
    far in place of their values. The last fold alone would say how hard that fold is."""
    return [_with_means(trial) for trial in trials] if steps_are_folds(spec) else list(trials)


def _with_means(trial: FrozenTrial) -> FrozenTrial:
    if len(trial.intermediate_values) < 2:
        return trial
    folds = sorted(trial.intermediate_values)
    sums = accumulate(trial.intermediate_values[fold] for fold in folds)
    shown = copy.copy(trial)
    shown.intermediate_values = {
        fold: total / (at + 1) for at, (fold, total) in enumerate(zip(folds, sums, strict=True))
    }
    return shown
