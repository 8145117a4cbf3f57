"""How good range tests are on the built-in tasks: their answers beside whole trainings over a grid of rates.

Every training and every range test is a job of its own; what is done is kept in a file of JSON lines, so that a bench
that was stopped goes on where it was.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from lrtune.service.rates.range_test.analysis import analyse
from tests.benchmarks.finder.table import Cell, Grid
from tests.benchmarks.pools import pool
from tests.benchmarks.processes import BenchError

TASKS = ("digits", "digits-cnn", "breast-cancer", "diabetes", "characters")
OPTIMIZERS = ("momentum", "adam", "rmsprop", "adagrad")
LOWEST, HIGHEST = 1e-5, 31.7
LARGEST = 1e30
"""A final loss beyond it counts as diverged."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """One training to the end (with its rate), or one range test."""

    kind: Literal["training", "range_test"]
    task: str
    optimizer: str
    seed: int
    learning_rate: float | None = None
    epochs: int | None = None
    """None: the task's own length."""

    @property
    def key(self) -> str:
        """What tells it from all others, also in another run of the bench."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    tasks: tuple[str, ...] = TASKS
    optimizers: tuple[str, ...] = OPTIMIZERS
    rates_per_decade: int = 3
    seeds: int = 2
    """Trainings at each rate; their mean counts."""
    range_seeds: int = 3
    epochs: int | None = None

    @classmethod
    def quick(cls) -> "Plan":
        """Half a minute's worth: the small tasks, two optimizers, few rates."""
        return cls(("digits", "breast-cancer", "diabetes"), ("momentum", "adam"), 2, 1, 2, 5)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The grid, rising."""
        count = math.floor(math.log10(HIGHEST / LOWEST) * self.rates_per_decade) + 1
        return tuple(LOWEST * 10 ** (index / self.rates_per_decade) for index in range(count))

    def cells(self) -> Iterator[tuple[str, str]]:
        """Every task with every optimizer."""
        return ((task, optimizer) for task in self.tasks for optimizer in self.optimizers)

    def jobs(self) -> list[Job]:
        """Everything to do; range tests first, then the trainings, seed by seed."""
        tests = [
            Job("range_test", task, optimizer, seed)
            for task, optimizer in self.cells()
            for seed in range(self.range_seeds)
        ]
        trainings = [
            Job("training", task, optimizer, seed, rate, self.epochs)
            for seed in range(self.seeds)
            for task, optimizer in self.cells()
            for rate in self.learning_rates
        ]
        return tests + trainings


def measure(
    plan: Plan, *, workers: int = 2, results: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> list[Cell]:
    """Does what the plan asks for and `results` does not hold yet; a cell for each task and optimizer.

    One worker is this process. Raises BenchError for a file of results that is none.
    """
    done = perform(plan.jobs(), workers=workers, results=results, say=say)
    return [_cell(plan, task, optimizer, done) for task, optimizer in plan.cells()]


def perform(
    jobs: Sequence[Job], *, workers: int = 2, results: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Record]:
    """The records of the jobs by key, those that `results` holds among them. Raises as `measure`."""
    done = dict(_read(results))
    left = [job for job in jobs if job.key not in done]
    if len(left) < len(jobs):
        say(f"{len(jobs) - len(left)} of {len(jobs)} are done already")
    for count, (job, record) in enumerate(_run(left, workers), 1):
        done[job.key] = record
        if results is not None:
            with results.open("a") as file:
                file.write(json.dumps({"key": job.key, **record}) + "\n")
        if count % 50 == 0 or count == len(left):
            say(f"{count} of {len(left)} trainings and range tests done")
    return done


def _read(results: Path | None) -> Iterator[tuple[str, Record]]:
    """What was done before. A last line that was cut off is cut away."""
    if results is None or not results.exists():
        return
    text = results.read_text()
    whole = text[: text.rfind("\n") + 1]
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            record = json.loads(line)
            yield record.pop("key"), record
        except (json.JSONDecodeError, AttributeError, KeyError):
            raise BenchError(f"{results} line {number} is no result of this bench: give another --results") from None
    if whole != text:
        results.write_text(whole)


def _run(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, Record]]:
    if workers == 1:
        yield from ((job, do(job)) for job in jobs)
        return
    with pool(workers, _prepare) as executor:
        under_way = {executor.submit(do, job): job for job in jobs}
        for future in as_completed(under_way):
            yield under_way[future], future.result()


def _prepare() -> None:
    import torch

    torch.set_num_threads(1)


def do(job: Job) -> dict[str, Any]:
    """The final loss of a training with the cosine annealed to 0, or the curve of a range test."""
    from lrtune.trainers.range_test.by_name import find
    from lrtune.trainers.tasks import TASKS as BUILT_IN

    params = {"optimizer": job.optimizer, "learning_rate": job.learning_rate}
    if job.kind == "training":
        task = BUILT_IN[job.task]
        loss = task.fit(params, job.epochs or task.default_epochs, job.seed)
        return {"loss": _show(loss)}
    tested = find(job.task, params={"optimizer": job.optimizer}, seeds=(job.seed,))
    return {"learning_rates": tested.learning_rates, "losses": [_show(loss) for loss in tested.losses[0]]}


def _show(loss: float) -> float | str:
    return loss if math.isfinite(loss) else str(loss)


def _cell(plan: Plan, task: str, optimizer: str, done: Mapping[str, Record]) -> Cell:
    rates = plan.learning_rates
    final_losses = [
        fmean(
            final_loss(done[Job("training", task, optimizer, seed, rate, plan.epochs).key])
            for seed in range(plan.seeds)
        )
        for rate in rates
    ]
    tests = [done[Job("range_test", task, optimizer, seed).key] for seed in range(plan.range_seeds)]
    return Cell(Grid(f"{task}/{optimizer}", rates, tuple(final_losses)), tuple(_analysed(tests)))


def final_loss(record: Record) -> float:
    """The final loss of a training; inf where it diverged."""
    loss = float(record["loss"])
    return loss if loss < LARGEST else math.inf


def _analysed(tests: Iterable[Record]) -> Iterator[Any]:
    for test in tests:
        losses = [float(loss) for loss in test["losses"]]
        yield analyse(test["learning_rates"][: len(losses)], losses)
