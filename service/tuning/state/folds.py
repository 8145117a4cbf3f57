"""Studies whose steps are the folds of a cross-validation: their reports are no learning curve."""

from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec

FOLDS_TAG = "folds"


def steps_are_folds(spec: StudySpec) -> bool:
    """Whether a trial's reports are one value a fold, or a problem, in no order of time: the study says so by a tag
    `folds`, or by a pruner that compares such values in pairs."""
    pruner = spec.pruner.wrapped if isinstance(spec.pruner, methods.PatientPruner) else spec.pruner
    return FOLDS_TAG in spec.tags or isinstance(pruner, methods.WilcoxonPruner)
