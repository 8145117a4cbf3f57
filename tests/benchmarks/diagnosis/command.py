"""`bench diagnosis`: what is said of trainings over a grid of learning rates.

The tables of docs/explanation/diagnosis.md.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tests.benchmarks.command_line import fail, markdown, measuring
from tests.benchmarks.diagnosis.table import (
    FAR,
    TRUTHS,
    VERDICTS,
    Grid,
    Judge,
    alone,
    alone_from_the_start,
    confusion,
    grids,
    in_study,
    service,
    shares,
)
from tests.benchmarks.diagnosis.train import RATES, STEPS, Training, keep, read, train_all

QUICK_TASKS = ["breast-cancer"]
REPORTS = (5, 10, 50)
_SPARSE = 3


def diagnosis(
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help=f"Of {', '.join(STEPS)}; none given: all.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", min=0, show_default="0, 1", help="Of the trainings; repeatable.")
    ] = None,
    curves: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keep the curves in this file; where it is there, judge those.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="Trainings at once.")] = 2,
    quick: Annotated[bool, typer.Option("--quick", help="One small task, one seed, 4 rates, 10 reports.")] = False,
) -> None:
    """What is said of trainings over a grid of learning rates, against what the grid says.

    The tables of docs/explanation/diagnosis.md.

    Trains the built-in tasks with four optimizers, half an hour on one core: even seeds with a cosine, odd ones at a
    constant rate. Each training is judged with 5, 10 and 50 reports, by its validation losses and by those of single
    batches: by the curve alone, with the loss before the first step, and in a study of a service that has trained all
    rates of the grid, or every third.
    """
    for task in tasks or ():
        if task not in STEPS:
            fail(f"there is no task {task!r}: use one of {', '.join(STEPS)}", 2)
    with measuring():
        if curves is not None and curves.exists():
            trainings = [one for one in read(curves) if _chosen(one, tasks, seeds)]
        else:
            chosen = tasks or (QUICK_TASKS if quick else list(STEPS))
            rates = RATES[::6] if quick else RATES
            trainings = train_all(chosen, seeds or ((0,) if quick else (0, 1)), rates, processes)
            if curves is not None:
                keep(trainings, curves)
        _print(trainings, (10,) if quick else REPORTS)


def _chosen(one: Training, tasks: Sequence[str] | None, seeds: Sequence[int] | None) -> bool:
    return (not tasks or one.task in tasks) and (not seeds or one.seed in seeds)


def _print(trainings: Sequence[Training], reports: Sequence[int]) -> None:
    """The shares of all, and the confusion tables with the most reports."""
    validation, batches = grids(trainings, "validation"), grids(trainings, "batches")
    rows = []
    with service() as http:
        cases: list[tuple[str, Sequence[Grid], Judge]] = [
            ("validation, alone", validation, alone),
            ("validation and the loss before step 1, alone", validation, alone_from_the_start),
            ("validation, in a study", validation, in_study(http, 1)),
            ("validation, in a study of every third rate", validation, in_study(http, _SPARSE)),
            ("batches, alone", batches, alone),
            ("batches, in a study", batches, in_study(http, 1)),
        ]
        for name, of, judge in cases:
            for count in reports:
                table = confusion(of, judge, count)
                found = shares(table)
                told = (found.accused, found.otherwise, found.praised, found.wrong_side, found.found)
                rows.append((name, str(count), *(f"{100 * share:.1f} %" for share in told)))
            print(f"{name}, {count} reports\n")
            lines = [(truth, *(str(table[truth][verdict]) for verdict in VERDICTS)) for truth in TRUTHS]
            print(markdown(("the grid says", *VERDICTS), lines), end="\n\n")
    head = (
        "judged by",
        "reports",
        "good, accused",
        "good, not called so",
        f"≥ {FAR} × the best, called good",
        "on the wrong side",
        "far too high, found",
    )
    print(markdown(head, rows))
