"""`bench pacing`: what `auto` reaches with a budget of trials, trained whole, raced and paused.

The table of docs/explanation/pausing.md.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import optuna
import typer

from tests.benchmarks.command_line import Data, Jobs, Quick, markdown, measuring, short
from tests.benchmarks.pools import pool
from tests.benchmarks.search.simulation import Simulation
from tests.benchmarks.search.suites import SUITES, read_suite, read_task, reported
from tests.benchmarks.tables.trial_budgets import WAYS, spend

BUDGETS = (6, 12, 24)
Job = tuple[str, str, str, str, int, int, int | None]


def perform(job: Job) -> tuple[float, float]:
    """The regret of the best seen, and the full trainings' steps that were trained."""
    data, suite, name, way, trials, seed, reports = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    task = read_task(Path(data) / suite / f"{name}.npz", suite)
    simulation = Simulation(task if reports is None else reported(task, reports), trials + 1)
    spend(simulation, way, trials, seed)
    return simulation.regret_seen(trials + 1), simulation.spent / simulation.task.slices


def lines(
    data: Path, budgets: Sequence[int], suites: Sequence[str], seeds: int, processes: int, reports: int | None
) -> Iterator[tuple[str, ...]]:
    """A line for each budget and suite: the budget, the suite, and each way's regret (with the steps it trained)."""
    with pool(processes) as executor:
        for trials in budgets:
            for suite in suites:
                names = [task.name for task in read_suite(data, suite, "dev")]
                cells = []
                for way in WAYS:
                    jobs = [(str(data), suite, n, way, trials, seed, reports) for n in names for seed in range(seeds)]
                    regret, spent = np.mean(list(executor.map(perform, jobs)), axis=0)
                    cells.append(short(regret) + (f" ({spent:.1f})" if spent < trials - 0.05 else ""))
                yield (str(trials), suite, *cells)


def pacing(
    data: Data,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each task.")] = 10,
    reports: Annotated[
        int | None,
        typer.Option(min=1, help="Reports of a full training; by default as the curves have them, 20 to 52."),
    ] = None,
    jobs: Jobs = 2,
    quick: Quick = False,
) -> None:
    """What `auto` reaches with a budget of trials, trained whole, raced and paused.

    The table of docs/explanation/pausing.md.

    Regret of the best loss seen after so many trials on two thirds of the tasks of each suite; in brackets, where it is
    less than the trials, how many full trainings' steps were trained. About an hour; --quick: one seed of 6 trials.
    """
    with measuring():
        budgets, suites = (BUDGETS[:1], SUITES[:1]) if quick else (BUDGETS, SUITES)
        columns = ("`max_trials`", "", "random, whole", "TPE, whole", "`auto`, whole", "raced", "paused")
        print(markdown(columns, lines(data, budgets, suites, 1 if quick else seeds, jobs, reports)))
