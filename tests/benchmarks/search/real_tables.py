"""Real trainings, annealed within each length: a table for each task and optimizer, from a file or trained here."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lrtune.service.rates.range_test.analysis import analyse
from lrtune.service.tuning.auto.ladder.ladder import lengths_of
from tests.benchmarks.finder.run import Job, Plan, Record, final_loss, perform
from tests.benchmarks.finder.table import Cell, Grid, history, read_cells
from tests.benchmarks.processes import BenchError
from tests.benchmarks.search.suites import kept_aside

FILE = "small-trainings.npz"
_PLAN = Plan(rates_per_decade=4, seeds=2, range_seeds=2)
_QUICK = Plan(("digits", "breast-cancer", "diabetes"), ("momentum", "adam"), 2, 1, 1, 9)


@dataclass(frozen=True)
class Table:
    """The trainings of one task with one optimizer. `losses` (rates, lengths, seeds): the final loss, inf where it
    diverged; where a seed was not trained at a length, that of seed 0 stands in."""

    task: str
    optimizer: str
    max_steps: int
    learning_rates: tuple[float, ...]
    losses: NDArray[np.float64]
    history: float | None
    """The median best rate of the same optimizer on the other tasks."""
    tested: tuple[float | None, ...]
    """By seed, what a range test recommends."""

    @property
    def mean(self) -> Grid:
        """Full trainings, mean over the seeds."""
        return self._grid(self.losses[:, -1].mean(axis=-1))

    @property
    def best(self) -> float:
        """The lowest mean loss of the grid."""
        return min(self.mean.losses)

    @property
    def best_rate(self) -> float:
        """The rate of the grid with the lowest mean loss."""
        return self.learning_rates[int(np.argmin(self.mean.losses))]

    def train(self, rate: float, steps: int, seed: int) -> float:
        """The final loss of a training of so many steps, one of the ladder's lengths; between rates linear in log
        rate, inf where a neighbour diverged."""
        place = lengths_of(self.max_steps).index(steps)
        return self._grid(self.losses[:, place, seed]).loss_at(rate)

    def over_best(self, rate: float) -> float:
        """The mean loss of full trainings at a rate, as a multiple of the best."""
        return self.mean.loss_at(rate) / self.best

    def _grid(self, losses: NDArray[np.float64]) -> Grid:
        return Grid(f"{self.task}/{self.optimizer}", self.learning_rates, tuple(losses.tolist()))


def chosen(tables: Sequence[Table], which: str) -> list[Table]:
    """All tables; "kept": those of every third task by name; "dev": the others."""
    kept = set(kept_aside(sorted({table.task for table in tables})))
    return [table for table in tables if which == "all" or (table.task in kept) == (which == "kept")]


def read_tables(data: Path) -> list[Table]:
    """The tables of a `small-trainings.npz`, or of the one in a folder. Raises BenchError where it is none."""
    path = data / FILE if data.is_dir() else data
    try:
        cells = list(read_cells(path))
        with np.load(path, allow_pickle=False) as stored:
            final, steps = stored["final_loss"].astype(float), stored["steps"]
    except (OSError, KeyError, ValueError) as error:
        raise BenchError(f"{path} holds no real trainings: give the folder of {FILE}, or leave --data out") from error
    found = final.reshape(len(cells), *final.shape[2:])
    lengths = np.repeat(steps[:, -1], final.shape[1])
    return _tables(cells, [int(n) for n in lengths], found)


def plan_of(tasks: Sequence[str], quick: bool) -> Plan:
    """What is trained here: the tasks named, else all built-in ones with a gradient. Raises BenchError for another."""
    plan = _QUICK if quick else _PLAN
    for name in tasks:
        if name not in plan.tasks:
            raise BenchError(f"there is no task {name!r}: use one of {', '.join(plan.tasks)}")
    return replace(plan, tasks=tuple(tasks) or plan.tasks)


def train_tables(plan: Plan, workers: int, results: Path | None, say: Callable[[str], None]) -> list[Table]:
    """The same, trained here on built-in tasks; what `results` holds is not trained again."""
    done = perform(_jobs(plan), workers=workers, results=results, say=say)
    cells, losses = [], []
    for task, optimizer in plan.cells():
        found = np.array([_losses(plan, task, optimizer, steps, done) for steps in lengths_of(_epochs(plan, task))])
        losses.append(np.moveaxis(found, 0, 1))
        tests = [done[job.key] for job in _tests(plan) if (job.task, job.optimizer) == (task, optimizer)]
        means = tuple(losses[-1][:, -1].mean(axis=-1).tolist())
        analyses = [analyse(t["learning_rates"][: len(t["losses"])], [float(x) for x in t["losses"]]) for t in tests]
        cells.append(Cell(Grid(f"{task}/{optimizer}", plan.learning_rates, means), tuple(analyses)))
    return _tables(cells, [_epochs(plan, task) for task, _ in plan.cells()], losses)


def _tables(
    cells: Sequence[Cell], lengths: Sequence[int], losses: Sequence[NDArray[np.float64]] | NDArray[np.float64]
) -> list[Table]:
    tables = []
    for cell, steps, found, past in zip(cells, lengths, losses, history(cells), strict=True):
        task, _, optimizer = cell.grid.name.rpartition("/")
        filled = np.where(np.isnan(found), found[..., :1], found)
        tested = tuple(test.recommended for test in cell.tests)[: filled.shape[-1]]
        tables.append(Table(task, optimizer, steps, cell.grid.learning_rates, filled, past, tested))
    return tables


def _epochs(plan: Plan, task: str) -> int:
    from lrtune.trainers.tasks import TASKS

    return plan.epochs or TASKS[task].default_epochs


def _tests(plan: Plan) -> list[Job]:
    return [job for job in plan.jobs() if job.kind == "range_test"]


def _jobs(plan: Plan) -> list[Job]:
    """Range tests, full trainings with every seed, the shorter ones with the first."""
    return _tests(plan) + [
        Job("training", task, optimizer, seed, rate, steps)
        for task, optimizer in plan.cells()
        for steps in lengths_of(_epochs(plan, task))
        for seed in range(plan.seeds if steps == _epochs(plan, task) else 1)
        for rate in plan.learning_rates
    ]


def _losses(plan: Plan, task: str, optimizer: str, steps: int, done: Mapping[str, Record]) -> list[list[float]]:
    """(rates, seeds); NaN where a seed was not trained."""
    keys = [
        [Job("training", task, optimizer, seed, rate, steps).key for seed in range(plan.seeds)]
        for rate in plan.learning_rates
    ]
    return [[final_loss(done[key]) if key in done else math.nan for key in row] for row in keys]
