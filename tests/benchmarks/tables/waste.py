"""`bench waste`: how many trials go past two neighbours that already say it is hopeless there.

The table of docs/explanation/search.md.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import optuna
import typer

from tests.benchmarks.command_line import Data, Quick, markdown, measuring, short
from tests.benchmarks.search.simulation import Problem, Simulation, Training
from tests.benchmarks.search.suites import read_suite, reported
from tests.benchmarks.tables.trial_budgets import spend
from tests.benchmarks.tables.waste_problems import small_trainings, valleys

TRIALS, FIRST = 20, 8
"""So many trials a study, and the first of them that counts: those before have little to go by."""

_CLEARLY = 0.2
"""Of the way from the best loss known to that of the median random rate: so much worse than the best seen."""

_NOISE = 0.03
_RATE = "learning_rate"

Suite = Callable[[Path], list[Problem]]
SUITES: dict[str, Suite] = {
    "made-up valleys": lambda data: valleys(8),
    "small trainings": small_trainings,
    "DeepOBS": lambda data: list(read_suite(data, "deepobs", "dev")),
    "LCBench, rate only": lambda data: list(read_suite(data, "lcbench-lr", "dev")),
    "the same, 10 reports": lambda data: [reported(task, 10) for task in read_suite(data, "lcbench-lr", "dev")],
}
"""Of the rate alone."""

WAYS = (("whole", 1), ("whole", 8), ("paused", 1))
"""How they are trained, and by how many workers."""


def hopeless(run: Training, others: list[Training], task: Problem) -> bool:
    """Whether two finished trials lie between the best one's rate and that of the run, both clearly worse, and the
    farther of the two nearest to the run no better than the other."""
    known = [(np.log10(one.params[_RATE]), min(one.losses)) for one in others if one.finished and not one.diverged]
    if len(known) < 3:
        return False
    x, (best, least) = np.log10(run.params[_RATE]), min(known, key=lambda pair: pair[1])
    between = sorted((abs(rate - x), loss) for rate, loss in known if min(x, best) < rate < max(x, best))
    if len(between) < 2:
        return False
    (_, far), (_, near) = between[:2]
    limit = task.regret(least) + _CLEARLY
    return task.regret(far) > limit and task.regret(near) > limit and far >= near * (1.0 - _NOISE)


def wasted(task: Problem, way: str, workers: int, seed: int) -> tuple[float, float]:
    """The share of the trials after the first that were hopeless when they began, and the regret at the end."""
    simulation, told = Simulation(task, TRIALS + 1), list[bool]()

    def begun(run: Training) -> None:
        if len(simulation.runs) > FIRST:
            told.append(hopeless(run, simulation.runs[:-1], task))

    spend(simulation, way, TRIALS, seed, workers=workers, begun=begun)
    return float(np.mean(told)), simulation.regret_seen(TRIALS + 1)


def lines(data: Path, names: list[str], seeds: int) -> Iterator[tuple[str, ...]]:
    """A line for each suite: the share and, in brackets, the regret of each way."""
    for name in names:
        tasks, cells = SUITES[name](data), []
        for way, workers in WAYS:
            share, regret = np.mean([wasted(t, way, workers, s) for t in tasks for s in range(seeds)], axis=0)
            cells.append(f"{short(share)} ({short(regret, 4)})")
        yield (name, *cells)


def waste(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each task.")] = 3,
    quick: Quick = False,
) -> None:
    """How many trials of `auto` go past two neighbours that already say it is hopeless there.

    The table of docs/explanation/search.md: of trials 9 to 20 where the rate is all there is, the share that lies past
    two finished ones which are both clearly worse than the best; in brackets the regret at the end. A minute or two.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with measuring():
        names = list(SUITES)[:1] if quick else list(SUITES)
        columns = ("", "whole", "whole, 8 workers", "paused")
        print(markdown(columns, lines(data, names, 1 if quick else seeds)))
