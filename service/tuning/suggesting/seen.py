"""What a suggestion rests on, and how its parts are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from lrtune.service.storage.schema.attributes import OUTCOME_ATTR
from lrtune.service.tuning.auto.surrogate.stability import StabilityModel
from lrtune.service.tuning.history.plateau import Point
from lrtune.service.tuning.state.rate_prior import RatePrior
from lrtune.service.tuning.state.snapshot import Snapshot
from lrtune.service.tuning.suggesting.stability import stability_of_trials
from lrtune.service.tuning.trials.replicates import Finalist
from lrtune.service.wire.range_tests import KeptRangeTest
from lrtune.service.wire.search_space import CategoricalParameter, Parameter
from lrtune.service.wire.studies import StudySpec

ENOUGH = 4
"""Complete trials that make a posterior; with fewer, unfinished trainings are looked at beside them."""

Known = tuple[int, ...]
"""Complete, pruned and diverged trials, and range tests: what a suggestion knows of. While few trials are complete also
those that failed, and how far the unfinished ones have come."""


@dataclass(frozen=True)
class Seen:
    """What a suggestion rests on. `trials` are the ended ones of a window; `middle` and `worst` are the median and the
    largest loss of all."""

    known: Known
    spec: StudySpec
    name: str | None
    """Of the learning rate."""
    trials: Sequence[FrozenTrial]
    finalists: Sequence[Finalist]
    middle: float | None
    distributions: Mapping[str, BaseDistribution]
    maximizes: bool
    tests: Sequence[KeptRangeTest]
    prior: Mapping[str, RatePrior]
    short: int = 0
    """Complete trials that were short trainings; none of them is in `trials` or `finalists`."""
    ladder: Snapshot | None = None
    """What the ladder rests on, once a short training is complete."""
    worst: float | None = None
    failed: int = 0
    """Trials that failed."""
    unfinished: Sequence[FrozenTrial] = ()
    """Trials that are in training or paused, those that came furthest; looked at while few are complete."""

    @cached_property
    def stability(self) -> StabilityModel | None:
        """How likely learning rates are to train without diverging; None without a learning rate."""
        return stability_of_trials(self.trials, self.spec, self.name)

    @property
    def complete(self) -> int:
        """Complete trials of the window."""
        return sum(trial.state is TrialState.COMPLETE for trial in self.trials)

    @property
    def all_complete(self) -> int:
        """Complete trials of the study, without the short ones."""
        return self.known[0] - self.short

    @property
    def finished(self) -> int:
        """Complete, pruned and diverged trials of the study, without the short ones."""
        return sum(self.known[:3]) - self.short

    @property
    def diverged(self) -> int:
        """Diverged trials of the study."""
        return self.known[2]

    @property
    def lowest_diverged(self) -> float | None:
        """The lowest learning rate of the window that diverged; None where none did."""
        rates = [float(t.params[self.name]) for t in self.trials if has_diverged(t) and self.name in t.params]
        return min(rates, default=None)

    def value(self, loss: float) -> float:
        """A loss as the study has it: a value of its metric."""
        return -loss + 0.0 if self.maximizes else loss + 0.0  # No negative zero.

    def categories_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """`categories_of` in the study's search space."""
        return categories_of(params, self.spec.search_space)

    def points(self, name: str, categories: Mapping[str, Any]) -> list[Point]:
        """The trials with these `categories` on the axis of the learning rate called `name`."""
        sign = -1.0 if self.maximizes else 1.0
        points = []
        for trial in self.trials:
            rate = trial.params.get(name)
            if rate is None or any(trial.params.get(key) != value for key, value in categories.items()):
                continue
            if has_diverged(trial):
                points.append(Point(rate, float("inf")))
            elif trial.values:
                points.append(Point(rate, sign * trial.values[0]))
        return points


def has_diverged(trial: FrozenTrial) -> bool:
    """Whether the trial ended as diverged."""
    return trial.system_attrs.get(OUTCOME_ATTR) == "diverged"


def categories_of(params: Mapping[str, Any], space: Mapping[str, Parameter]) -> dict[str, Any]:
    """The optimizer and its like: the text-valued choices, which move the best rate most."""
    return {
        name: value
        for name, value in params.items()
        if isinstance(space.get(name), CategoricalParameter) and isinstance(value, str)
    }
