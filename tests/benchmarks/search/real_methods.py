"""What is compared on real trainings: each is given a table and a seed, trains, and answers with a rate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from lrtune.service.tuning.auto import AutoSampler
from lrtune.service.tuning.auto.ladder.ladder import (
    BUDGET,
    Training,
    answer,
    centre_of,
    counts,
    lengths_of,
    next_training,
)
from lrtune.service.tuning.auto.ladder.rates import Centre
from lrtune.service.tuning.auto.prior import quantiles_around
from tests.benchmarks.search.real_tables import Table


@dataclass(frozen=True)
class Found:
    """The rate, None where there is no answer; the cost in full trainings; and the interval, where one is given."""

    learning_rate: float | None
    cost: float
    interval: tuple[float, float] | None = None


Method = Callable[[Table, int], Found]
"""(table, seed) → what was found."""

_SHIFT = 0.25
_WORST = 1e30


def seed_of(table: Table, seed: int) -> int:
    """The seed of the trainings for a repetition."""
    return seed % int(table.losses.shape[-1])


def centre_for(table: Table, seed: int, known: str) -> Centre | None:
    """The log-mean of the history and of a range test, of those that are `known`."""
    tested = table.tested[seed % len(table.tested)] if table.tested else None
    return centre_of(table.history if "history" in known else None, tested if "test" in known else None)


def _one_shot(known: str) -> Method:
    def run(table: Table, seed: int) -> Found:
        centre = centre_for(table, seed, known)
        return Found(None if centre is None else centre.learning_rate, 0.0)

    return run


def _searched(trainings: int, build: Callable[[Table, int], BaseSampler]) -> Method:
    """Full trainings by an Optuna sampler; the best of them."""

    def run(table: Table, seed: int) -> Found:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(sampler=build(table, seed))
        space = FloatDistribution(table.learning_rates[0], table.learning_rates[-1], log=True)
        for _ in range(trainings):
            trial = study.ask({"learning_rate": space})
            loss = table.train(trial.params["learning_rate"], table.max_steps, seed_of(table, seed))
            study.tell(trial, min(loss, _WORST))
        return Found(float(study.best_params["learning_rate"]), float(trainings))

    return run


def _auto(known: str) -> Callable[[Table, int], BaseSampler]:
    def build(table: Table, seed: int) -> BaseSampler:
        centre = centre_for(table, seed, known)
        if centre is None:
            return AutoSampler(seed=seed)
        low, high = table.learning_rates[0], table.learning_rates[-1]
        return AutoSampler(
            seed=seed,
            rate_quantiles=quantiles_around([centre.learning_rate], low, high, decades=centre.decades).tolist(),
        )

    return build


def plain_ladder(shift: float, offset: float = 0.0) -> Method:
    """9 rates a quarter decade apart at a ninth, the best 3 at a third, the best in full, moved down each time.

    `offset`: in decades, from the quarter decades at which the grids have their rates."""

    def run(table: Table, seed: int) -> Found:
        centre = centre_for(table, seed, "history, test")
        if centre is None:
            return Found(None, 0.0)
        middle = round(math.log10(centre.learning_rate) * 4) / 4 + offset
        rates = [10 ** (middle + 0.25 * place) for place in range(-4, 5)]
        for steps, keep in zip(lengths_of(table.max_steps), (3, 1, 1), strict=True):
            losses = [table.train(rate, steps, seed_of(table, seed)) for rate in rates]
            rates = [rates[place] for place in np.argsort(losses, kind="stable")[:keep]]
            if steps < table.max_steps:
                rates = [rate * 10**-shift for rate in rates]
        return Found(rates[0], 3.0)

    return run


@dataclass(frozen=True)
class Climb:
    """How a ladder is climbed. `most`: stop after so many trainings; without `full`, before the full ones. `bounds` of
    the search, else those of the table."""

    budget: float = BUDGET
    most: int = 1_000
    full: bool = True
    bounds: tuple[float, float] | None = None

    def __call__(self, table: Table, centre: Centre | None, train: Callable[[float, int], float]) -> list[Training]:
        """The ladder's trainings, one after the other; `train` gives the loss of a rate after so many steps."""
        low, high = self.bounds_of(table)
        trained: list[Training] = []
        for _ in range(min(self.most, sum(counts(table.max_steps, self.budget)))):
            step = next_training(
                trained, low=low, high=high, max_steps=table.max_steps, centre=centre, budget=self.budget
            )
            if step.learning_rate is None or step.steps is None or (step.steps == table.max_steps and not self.full):
                break
            trained.append(Training(step.learning_rate, step.steps, train(step.learning_rate, step.steps)))
        return trained

    def bounds_of(self, table: Table) -> tuple[float, float]:
        """The lowest and the highest rate."""
        return self.bounds or (table.learning_rates[0], table.learning_rates[-1])


def answered(table: Table, trained: Sequence[Training], centre: Centre | None, bounds: tuple[float, float]) -> Found:
    """The ladder's answer after these trainings."""
    found = answer(trained, low=bounds[0], high=bounds[1], max_steps=table.max_steps, centre=centre)
    return Found(found.learning_rate, sum(one.steps for one in trained) / table.max_steps, found.interval)


_AS_IT_IS = Climb()


def _ladder(known: str, climb: Climb = _AS_IT_IS) -> Method:
    def run(table: Table, seed: int) -> Found:
        centre = centre_for(table, seed, known)
        trained = climb(table, centre, lambda rate, steps: table.train(rate, steps, seed_of(table, seed)))
        return answered(table, trained, centre, climb.bounds_of(table))

    return run


def _whole_grid(table: Table, seed: int) -> Found:
    """A full training at each rate of the grid, with one seed."""
    losses = [table.train(rate, table.max_steps, seed_of(table, seed)) for rate in table.learning_rates]
    return Found(table.learning_rates[int(np.argmin(losses))], float(len(losses)))


def _ladder_of_three(known: str) -> Method:
    """The ladder of trainings of 3 steps, which has two lengths: 1 stands for a third of the table's length."""

    def run(table: Table, seed: int) -> Found:
        centre = centre_for(table, seed, known)
        low, high, trained = table.learning_rates[0], table.learning_rates[-1], list[Training]()
        lengths = dict(zip(lengths_of(3), lengths_of(table.max_steps)[-2:], strict=True))
        while True:
            step = next_training(trained, low=low, high=high, max_steps=3, centre=centre)
            if step.learning_rate is None or step.steps is None:
                break
            loss = table.train(step.learning_rate, lengths[step.steps], seed_of(table, seed))
            trained.append(Training(step.learning_rate, step.steps, loss))
        found = answer(trained, low=low, high=high, max_steps=3, centre=centre)
        return Found(found.learning_rate, sum(one.steps for one in trained) / 3, found.interval)

    return run


METHODS: dict[str, Method] = {
    "history": _one_shot("history"),
    "range test": _one_shot("test"),
    "history and range test": _one_shot("history, test"),
    "random, 3 full": _searched(3, lambda _, seed: RandomSampler(seed=seed)),
    "random, 15 full": _searched(15, lambda _, seed: RandomSampler(seed=seed)),
    "tpe, 3 full": _searched(3, lambda _, seed: TPESampler(seed=seed)),
    "tpe, 15 full": _searched(15, lambda _, seed: TPESampler(seed=seed)),
    "auto, 3 full": _searched(3, _auto("")),
    "auto with the centre, 3 full": _searched(3, _auto("history, test")),
    "9-3-1, not moved down": plain_ladder(0.0),
    "9-3-1, ¼ decade a rung": plain_ladder(_SHIFT),
    "ladder": _ladder("history, test"),
    "ladder, 3 full": _ladder("history, test", Climb(3.0)),
    "ladder, 5 full": _ladder("history, test", Climb(5.0)),
    "ladder, history only": _ladder("history"),
    "ladder, range test only": _ladder("test"),
    "ladder, no centre": _ladder(""),
    "ladder, fewer than 9 steps": _ladder_of_three("history, test"),
    "ladder, short trainings alone": _ladder("history, test", Climb(full=False)),
    "ladder, its first 5 trainings": _ladder("history, test", Climb(most=5)),
    "ladder, its first 7 trainings": _ladder("history, test", Climb(most=7)),
    "every rate of the grid, in full": _whole_grid,
}
"""By name. The centre is the log-mean of the history and the range test. Optuna's TPE begins with ten random trials, so
at 3 it is random."""
