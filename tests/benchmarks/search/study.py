"""The desk where simulated training is bought: slices of tabulated curves, a budget, and what was seen by when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.search.suites import Floats, Task


class BudgetSpent(Exception):
    """No slice is left."""


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


class Desk:
    """Sells slices of a task. `trainings` full trainings may be bought; a paused one pays for its extra slices only.

    `spent` is in slices; `seen` holds (spent, best loss so far) whenever the best improved; `answers` holds
    (spent, suggested parameters) as the method gave them.
    """

    def __init__(self, task: Task, trainings: float) -> None:
        self.task = task
        self.budget = round(trainings * task.slices)
        self.spent = 0
        self.runs: list[Training] = []
        self.seen: list[tuple[int, float]] = []
        self.answers: list[tuple[int, dict[str, Any]]] = []

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

    def answer(self, params: Mapping[str, Any]) -> None:
        """Note the configuration that the method would recommend now."""
        self.answers.append((self.spent, dict(params)))

    def regret_seen(self, trainings: float) -> float:
        """Regret of the best loss seen within so many full trainings."""
        limit = trainings * self.task.slices
        losses = [loss for spent, loss in self.seen if spent <= limit]
        return self.task.regret(losses[-1] if losses else np.nan)

    def regret_suggested(self, trainings: float) -> float:
        """Regret of the configuration recommended at that point, trained in full; 1 where there was no answer."""
        limit = trainings * self.task.slices
        given = [params for spent, params in self.answers if spent <= limit]
        if not given:
            return 1.0
        curve = self.task.curve(given[-1])
        finite = curve[np.isfinite(curve)]
        return self.task.regret(float(finite.min()) if len(finite) == len(curve) else np.nan)
