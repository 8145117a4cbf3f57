"""Pruners by name.

To add one: give it a model in `wire/methods.py` (its name and options) and a place in the union `Pruner` there. Here,
one of Optuna's that takes just these options is a row of `_BUILDERS`; any other is a case of `_build`.

Such a pruner is asked at each report (`pruning/verdicts.py`) and sees a snapshot. `auto` goes its own way there, over
arrays that are kept (`pruning/race_evidence.py`); `AutoPruner` is the same rule in Optuna's terms.
"""

from collections.abc import Callable

import optuna.pruners as optuna

from lrtune.service.tuning.auto import AutoPruner
from lrtune.service.wire import methods
from lrtune.service.wire.studies import StudySpec


def build_pruner(spec: StudySpec, max_trials: int | None = None) -> optuna.BasePruner:
    """The study's pruner. `max_trials`: the budget as it is now, which decides what `auto` does."""
    if isinstance(spec.pruner, methods.AutoPruner):
        return AutoPruner(max_steps=spec.max_steps, max_trials=max_trials)
    return _build(spec.pruner, spec.max_steps)


def _build(pruner: methods.Pruner, max_steps: int | None) -> optuna.BasePruner:
    match pruner:
        case methods.AutoPruner():
            return AutoPruner(max_steps=max_steps)
        case methods.HyperbandPruner():
            return optuna.HyperbandPruner(
                min_resource=pruner.min_resource,
                max_resource=pruner.max_resource or max_steps or "auto",
                reduction_factor=pruner.reduction_factor,
            )
        case methods.PatientPruner():
            wrapped = None if pruner.wrapped is None else _build(pruner.wrapped, max_steps)
            return optuna.PatientPruner(wrapped, pruner.patience, pruner.min_delta)
        case _:
            return _BUILDERS[pruner.name](**pruner.model_dump(exclude={"name"}))


_BUILDERS: dict[str, Callable[..., optuna.BasePruner]] = {
    "median": optuna.MedianPruner,
    "percentile": optuna.PercentilePruner,
    "asha": optuna.SuccessiveHalvingPruner,
    "threshold": optuna.ThresholdPruner,
    "wilcoxon": optuna.WilcoxonPruner,
    "none": optuna.NopPruner,
}
"""Pruners of Optuna's, by name: each takes the model's options as they are."""
