"""A simulated study: its trainings read their losses from known curves, slice by slice, until a budget is spent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution

Floats = NDArray[np.float64]


class BudgetSpent(Exception):
    """No slice is left."""


class Problem(Protocol):
    """What is trained: a search space, and the learning curve of each of its configurations."""

    @property
    def name(self) -> str:
        """Its name within its suite."""

    @property
    def slices(self) -> int:
        """Slices of a full training."""

    @property
    def optimizer(self) -> str:
        """`adam` or `sgd`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""

    @property
    def low(self) -> Floats:
        """Their lower bounds, shape (parameters,)."""

    @property
    def high(self) -> Floats:
        """Their upper bounds, shape (parameters,)."""

    @property
    def scale(self) -> tuple[str, ...]:
        """`log`, `linear`, `int` or `log-int` for each."""

    def distributions(self) -> dict[str, BaseDistribution]:
        """The search space in Optuna's terms."""

    def curve(self, params: Mapping[str, Any]) -> Floats:
        """The learning curve of a configuration, shape (slices,), NaN from where it diverged."""

    def regret(self, loss: float) -> float:
        """0 at the best loss known, 1 at that of the median random configuration and beyond."""


@dataclass
class Training:
    """One configuration in training: the losses of the slices it ran."""

    params: dict[str, Any]
    curve: Floats
    losses: list[float] = field(default_factory=list)

    @property
    def diverged(self) -> bool:
        return bool(self.losses) and not np.isfinite(self.losses[-1])

    @property
    def finished(self) -> bool:
        return len(self.losses) == len(self.curve) or self.diverged


class Simulation:
    """Trainings of one task within a budget of `trainings` full ones; a resumed one pays for its further slices only.

    `spent` is in slices; `seen` holds (spent, best loss so far) whenever the best improved; `recommendations` holds
    (spent, recommended parameters) as the method gave them.
    """

    def __init__(self, task: Problem, trainings: float) -> None:
        self.task = task
        self.budget = round(trainings * task.slices)
        self.spent = 0
        self.runs: list[Training] = []
        self.seen: list[tuple[int, float]] = []
        self.recommendations: list[tuple[int, dict[str, Any]]] = []

    def start(self, params: Mapping[str, Any]) -> Training:
        """A new training, none of whose slices ran."""
        run = Training(dict(params), self.task.curve(params))
        self.runs.append(run)
        return run

    def advance(self, run: Training) -> float:
        """Train one slice; its loss, NaN where it diverged. Raises BudgetSpent."""
        if self.spent >= self.budget:
            raise BudgetSpent
        self.spent += 1
        loss = float(run.curve[len(run.losses)])
        run.losses.append(loss)
        if np.isfinite(loss) and (not self.seen or loss < self.seen[-1][1]):
            self.seen.append((self.spent, loss))
        return loss

    def recommend(self, params: Mapping[str, Any]) -> None:
        """Note the configuration that the method would recommend now."""
        self.recommendations.append((self.spent, dict(params)))

    def regret_seen(self, trainings: float) -> float:
        """Regret of the best loss seen within so many full trainings."""
        limit = trainings * self.task.slices
        losses = [loss for spent, loss in self.seen if spent <= limit]
        return self.task.regret(losses[-1] if losses else np.nan)

    def regret_suggested(self, trainings: float) -> float:
        """Regret of the configuration recommended at that point, trained in full; 1 where there was none."""
        limit = trainings * self.task.slices
        given = [params for spent, params in self.recommendations if spent <= limit]
        if not given:
            return 1.0
        curve = self.task.curve(given[-1])
        finite = curve[np.isfinite(curve)]
        return self.task.regret(float(finite.min()) if len(finite) == len(curve) else np.nan)
