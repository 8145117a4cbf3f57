"""Pruners by name."""

from collections.abc import Callable
from typing import Any

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
    if isinstance(pruner, methods.AutoPruner):
        return AutoPruner(max_steps=max_steps)
    if isinstance(pruner, methods.HyperbandPruner):
        return optuna.HyperbandPruner(
            min_resource=pruner.min_resource,
            max_resource=pruner.max_resource or max_steps or "auto",
            reduction_factor=pruner.reduction_factor,
        )
    if isinstance(pruner, methods.PatientPruner):
        wrapped = None if pruner.wrapped is None else _build(pruner.wrapped, max_steps)
        return optuna.PatientPruner(wrapped, pruner.patience, pruner.min_delta)
    options = pruner.model_dump(exclude={"name"})
    built: optuna.BasePruner = _BUILDERS[pruner.name](**options)
    return built


_BUILDERS: dict[str, Callable[..., Any]] = {
    "median": optuna.MedianPruner,
    "percentile": optuna.PercentilePruner,
    "asha": optuna.SuccessiveHalvingPruner,
    "threshold": optuna.ThresholdPruner,
    "wilcoxon": optuna.WilcoxonPruner,
    "none": optuna.NopPruner,
}
