"""k-fold cross-validation: each setting is trained on every fold, and judged by the mean.

A study sees a fold as a step: fold k is reported at step k, so that a pruner can compare two settings fold by fold
(`wilcoxon`). Folds and seeds are the same for every trial: what differs between two trials is their parameters.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lrtune.trainers.client.leased_trial import LeasedTrial
from lrtune.trainers.errors import TaskError
from lrtune.trainers.tasks.decorator import task as mark
from lrtune.trainers.tasks.protocols import Params, Report, Task

LONGEST_URI = 2000
URI_START = "data:application/json,"


@dataclass(frozen=True)
class CrossValidation:
    """The metric of each fold that was trained, in order."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """What the setting is judged by; not finite where a fold diverged, nan before the first fold."""
        count = len(self.values)
        return sum(value / count for value in self.values) if count else math.nan

    @property
    def standard_error(self) -> float | None:
        """Of the mean: the folds' standard deviation (n - 1) over the root of n; None for fewer than two folds, and
        where one diverged.

        The folds share training data, so it is somewhat too small (Bengio and Grandvalet 2004).
        """
        count, mean = len(self.values), self.mean
        if count < 2 or not math.isfinite(mean):
            return None
        return math.hypot(*(value - mean for value in self.values)) / math.sqrt((count - 1) * count)


def cross_validate(
    task: Task,
    params: Params,
    folds: int,
    *,
    epochs: int | None = None,
    report: Report | None = None,
    known: Sequence[float] = (),
    most: int | None = None,
) -> CrossValidation:
    """Trains `task` on each of `folds` folds, for `epochs` epochs each (the task's usual number).

    The seed of a training is the number of its fold. `report(fold, value)` is called after each, from 1; a fold whose
    training diverged is the last. `known` are the values of folds trained before, `most` ends after so many folds.
    Raises ValueError where the data cannot be cut into so many folds.
    """
    done = CrossValidation(tuple(known))
    last = folds if most is None else min(most, folds)
    while len(done.values) < last and all(map(math.isfinite, done.values)):
        fold = len(done.values) + 1
        value = task.fit(params, epochs or task.default_epochs, fold, fold=fold, folds=folds)
        done = replace(done, values=(*done.values, value))
        if report is not None:
            report(fold, value)
    return done


def over_folds(task: Task, folds: int, *, epochs: int | None = None) -> Callable[[LeasedTrial], None]:
    """A training function for a worker that cross-validates `task`; the trial's value is the mean over its folds.

    Each fold is reported at its number. What was measured so far is the checkpoint itself, so any worker can go on
    with the next fold. Raises TaskError where `folds` cannot be.
    """
    if folds < 2:
        raise TaskError(f"--folds must be at least 2, not {folds}")

    @mark(resumable=True, own_length=True)
    def train(trial: LeasedTrial) -> None:
        known = _known(trial)
        values = list(known)

        def report(fold: int, value: float) -> None:
            values.append(value)
            trial.report(fold, value, checkpoint=_uri(values))

        done = cross_validate(
            task, trial.params, folds, epochs=epochs, report=report, known=known, most=trial.max_steps
        )
        trial.complete(done.mean, standard_error=done.standard_error)

    train.__dict__["steps_are_folds"] = True  # Their order says nothing of the training: no learning curve.
    return train


def _uri(values: Sequence[float]) -> str | None:
    uri = URI_START + json.dumps(values, separators=(",", ":"))
    return uri if len(uri) <= LONGEST_URI and all(map(math.isfinite, values)) else None


def _known(trial: LeasedTrial) -> tuple[float, ...]:
    """The values of the folds up to the checkpoint; none where it is not one of ours."""
    if trial.resume is None or not trial.resume.uri.startswith(URI_START):
        return ()
    try:
        values = json.loads(trial.resume.uri.removeprefix(URI_START))
        known = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return ()
    return known if len(known) == trial.resume.step else ()
