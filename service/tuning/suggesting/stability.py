"""How likely the learning rates of a study are to train without diverging: the search's own model, by the same rules of
what counts as evidence."""

from collections.abc import Sequence

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.tuning.auto.evidence import FRACTIONS, STABLE_FROM, steps_at
from lrtune.service.tuning.auto.observed import has_diverged, length_of
from lrtune.service.tuning.auto.surrogate.stability import Run, StabilityModel
from lrtune.service.tuning.suggesting.bounds import bounds_of
from lrtune.service.wire.studies import StudySpec


def stability_of_trials(trials: Sequence[FrozenTrial], spec: StudySpec, name: str | None) -> StabilityModel | None:
    """The model from the complete, pruned and diverged `trials`; None without a learning rate called `name`."""
    if name is None:
        return None
    length = length_of(trials, spec.max_steps)
    least = steps_at(float(FRACTIONS[STABLE_FROM]), length.full) + length.first - 1
    runs = [_run(trial, name) for trial in trials if trial.params.get(name, 0) > 0 and _tells(trial, least)]
    return StabilityModel(runs, bounds_of(spec.search_space[name]))


def _tells(trial: FrozenTrial, least: int) -> bool:
    """Whether it diverged, or went well for long enough: until step `least`."""
    if trial.state is TrialState.COMPLETE or has_diverged(trial, failed_counts=False):
        return True
    return trial.last_step is not None and trial.last_step >= least


def _run(trial: FrozenTrial, name: str) -> Run:
    categories = {
        other: trial.params[other]
        for other, distribution in trial.distributions.items()
        if isinstance(distribution, CategoricalDistribution)
    }
    return Run(trial.params[name], has_diverged(trial, failed_counts=False), categories)
