"""`bench diagnosis`: what `diagnose` says of runs over a grid of learning rates.

The tables of docs/explanation/diagnosis.md.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lrtune.service.rates.diagnosis import diagnose
from lrtune.trainers.tasks import TASKS
from tests.benchmarks.command_line import fail, markdown, measuring

RATES = tuple(10 ** (-5 + 0.4 * k) for k in range(17))
OPTIMIZERS = ("sgd", "adam")
EPOCHS = {"digits": 16, "digits-cnn": 8, "breast-cancer": 20, "diabetes": 20, "characters": 6}
QUICK_TASKS = ["breast-cancer"]
VERDICTS = ("too_low", "good", "unclear", "too_high", "diverged")
GOOD = 1.1
"""A run is good where its final loss is within this factor of the grid's best; far where it is beyond `FAR`."""
FAR = 1.5
TRUTHS = ("below, far", "below, near", "good", "above, near", "above, far", "not finite")


@dataclass(frozen=True)
class Run:
    """One training."""

    rate: float
    curve: tuple[float, ...]
    """The loss after each epoch, up to the first that is not finite."""

    @property
    def loss(self) -> float:
        """The final loss; inf where it diverged."""
        return self.curve[-1] if math.isfinite(self.curve[-1]) else math.inf


@dataclass(frozen=True)
class Grid:
    """The runs of one task, optimizer and seed, by rising rate."""

    name: str
    runs: tuple[Run, ...]

    @property
    def best(self) -> Run:
        """The run of the lowest loss."""
        return min(self.runs, key=lambda run: run.loss)

    @property
    def largest_stable(self) -> float | None:
        """Between the largest rate below all runs that diverged, by ending above where they began, and the smallest of
        these; None where none did."""
        start = max(run.curve[0] for run in self.runs[:3])
        diverged = [run.rate for run in self.runs if run.rate > self.best.rate and not run.loss < 1.5 * start]
        below = [run.rate for run in self.runs if diverged and run.rate < min(diverged)]
        return math.sqrt(max(below) * min(diverged)) if below else None

    def truth(self, run: Run) -> str:
        """What the grid says of a run."""
        if not math.isfinite(run.loss):
            return "not finite"
        ratio = run.loss / self.best.loss
        if ratio <= GOOD:
            return "good"
        return f"{'below' if run.rate < self.best.rate else 'above'}, {'far' if ratio > FAR else 'near'}"


def train(tasks: Sequence[str], seeds: Sequence[int], rates: Sequence[float] = RATES) -> Iterator[Grid]:
    """Train every task with every optimizer, seed and rate."""
    for task in tasks:
        for optimizer in OPTIMIZERS:
            for seed in seeds:
                runs = []
                for rate in rates:
                    curve: list[float] = []
                    params = {"learning_rate": rate, "optimizer": optimizer}
                    TASKS[task].fit(params, EPOCHS[task], seed, lambda _, value, into=curve: into.append(value))
                    runs.append(Run(rate, tuple(curve)))
                yield Grid(f"{task}/{optimizer}/{seed}", tuple(runs))


def judge(grid: Grid, run: Run, *, in_study: bool) -> str:
    """What `diagnose` says of a run, alone or in a study that has seen the others."""
    found = diagnose(
        range(1, len(run.curve) + 1),
        run.curve,
        learning_rate=run.rate,
        largest_stable_learning_rate=grid.largest_stable if in_study else None,
        best_value=grid.best.loss if in_study else None,
    )
    return found.verdict


def confusion(grids: Sequence[Grid], *, in_study: bool) -> dict[str, Counter[str]]:
    """How often each verdict came for each truth."""
    table: dict[str, Counter[str]] = {truth: Counter() for truth in TRUTHS}
    for grid in grids:
        for run in grid.runs:
            table[grid.truth(run)][judge(grid, run, in_study=in_study)] += 1
    return table


def wrongly_accused(table: dict[str, Counter[str]]) -> float:
    """The share of good runs that are called too high, diverged or too low."""
    good = table["good"]
    return (good["too_high"] + good["diverged"] + good["too_low"]) / max(good.total(), 1)


def read(path: Path) -> list[Grid]:
    """Curves that were kept."""
    return [
        Grid(kept["name"], tuple(Run(rate, tuple(curve)) for rate, curve in kept["runs"]))
        for kept in json.loads(path.read_text())
    ]


def keep(grids: Sequence[Grid], path: Path) -> None:
    """Keep the curves for another run."""
    kept = [{"name": grid.name, "runs": [(run.rate, run.curve) for run in grid.runs]} for grid in grids]
    path.write_text(json.dumps(kept))


def diagnosis(
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help=f"Of {', '.join(EPOCHS)}; none given: all.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, show_default="0, 1", help="Of the trainings; repeatable.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keep the curves in this file; where it is there, judge those.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One small task, one seed, 5 rates.")] = False,
) -> None:
    """What is said of runs over a grid of learning rates, against what the grid says.

    The tables of docs/explanation/diagnosis.md.

    Trains the built-in tasks with sgd and adam, a quarter of an hour on one core. Once each run is judged on its own,
    once with what its study knows: the best value and the largest stable rate.
    """
    for task in tasks or ():
        if task not in EPOCHS:
            fail(f"there is no task {task!r}: use one of {', '.join(EPOCHS)}", 2)
    with measuring():
        if curves is not None and curves.exists():
            grids = read(curves)
        else:
            chosen = tasks or (QUICK_TASKS if quick else list(EPOCHS))
            grids = list(train(chosen, seeds or ((0,) if quick else (0, 1)), RATES[::4] if quick else RATES))
            if curves is not None:
                keep(grids, curves)
        for in_study in (False, True):
            table = confusion(grids, in_study=in_study)
            rows = [(truth, *(str(counts[verdict]) for verdict in VERDICTS)) for truth, counts in table.items()]
            print(f"{'with what the study knows' if in_study else 'on its own'}\n")
            print(markdown(("the grid says", *VERDICTS), rows))
            print(f"\ngood runs called too high, diverged or too low: {100 * wrongly_accused(table):.1f} %\n")
