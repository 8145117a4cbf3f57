"""`bench finder`: how good the answers of range tests are."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json, print_table
from tests.benchmarks.command_line import fail, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.finder.outliers import OutlierRow
    from tests.benchmarks.finder.run import Plan
    from tests.benchmarks.finder.table import Cell, Curves, Row

DATA_FILE = "small-trainings.npz"


def finder(
    data: Annotated[
        Path | None, typer.Option(help=f"Judge the trainings in this file (or {DATA_FILE} in this folder) instead.")
    ] = None,
    tasks: Annotated[list[str] | None, typer.Option("--task", help="Only this built-in task; repeatable.")] = None,
    optimizers: Annotated[list[str] | None, typer.Option("--optimizer", help="Only this one; repeatable.")] = None,
    rates_per_decade: Annotated[
        int | None, typer.Option(min=1, max=20, show_default="3", help="How fine the grid is, from 1e-5 to 31.6.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, max=20, show_default="2", help="Trainings at each rate.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    results: Annotated[
        Path | None, typer.Option(help="Keep every result in this file; a bench that was stopped goes on from it.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Three small tasks, two optimizers: under a minute.")] = False,
    as_json: Json = False,
) -> None:
    """Compare range tests with whole trainings over a grid of learning rates.

    For each rule: how often its rate trains to within 1.1 and 2 times the best loss of the grid, how often it is
    worse than 10 times, how many decades it is off, and how much seeds differ. Beside them, fixed rates, and the median
    best rate of the same optimizer on the other tasks. The tables of docs/explanation/range-tests.md:
    that on built-in tasks; with --data, that on small trainings, and what one outlier and fewer steps do to the
    recommended rate.
    """
    if data is not None:
        curves = _read(data)
        cells = [one.cell() for one in curves]
    else:
        curves = []
        from tests.benchmarks.finder.run import Plan

        plan = Plan.quick() if quick else Plan()
        given = {"tasks": tasks and tuple(tasks), "optimizers": optimizers and tuple(optimizers), "seeds": seeds}
        given["rates_per_decade"] = rates_per_decade
        plan = replace(plan, **{name: value for name, value in given.items() if value})  # type: ignore[arg-type]
        cells = _measure(plan, workers, results)
    _show(cells, curves, as_json)


def _read(data: Path) -> "list[Curves]":
    from tests.benchmarks.finder.table import read_curves

    path = data / DATA_FILE if data.is_dir() else data
    if not path.is_file():
        fail(f"there is no file {path}: give the folder of {DATA_FILE}, or leave --data out to train here", 2)
    return list(read_curves(path))


def _measure(plan: "Plan", workers: int, results: Path | None) -> "list[Cell]":
    from lrtune.trainers.optimizers.build import OPTIMIZERS
    from lrtune.trainers.range_test.by_name import gradient_tasks
    from tests.benchmarks.finder.run import measure

    for name, given, known in (("task", plan.tasks, gradient_tasks()), ("optimizer", plan.optimizers, OPTIMIZERS)):
        for one in given:
            if one not in known:
                fail(f"--{name} {one!r} is not known: use one of {', '.join(known)}", 2)
    with measuring():
        return measure(plan, workers=workers, results=results, say=say)


def _show(cells: "list[Cell]", curves: "list[Curves]", as_json: bool) -> None:
    from tests.benchmarks.finder.outliers import outliers
    from tests.benchmarks.finder.table import held, table

    rows, with_outlier = table(cells), outliers(curves) if curves else []
    if as_json:
        print_json(
            {
                "cells": len(cells),
                "held_in_a_decade": held(cells),
                "rows": [asdict(row) for row in rows],
                "outliers": [asdict(row) for row in with_outlier],
                "grids": [_grid(one) for one in cells],
            }
        )
        return
    columns = ("rule", "answers", "≤ 1.1×", "≤ 2×", "> 10×", "off by", "seed SD")
    title = f"{len(cells)} tasks × optimizers: loss over the best one, decades off its rate"
    print_table(columns, [_cells_of(row) for row in rows], title=title)
    print(f"a rate that trains to within 1.1× lies within a factor of ten of the recommended one: {held(cells):.0%}")
    if with_outlier:
        columns = ("steps", "outlier at", "size", "≤ 2×", "> 10×", "moved > 2×")
        title = (
            "the recommended rate of one seed, with one outlier; size in standard deviations of the first ten losses"
        )
        print_table(columns, [_cells_of_outlier(row) for row in with_outlier], title=title)


def _cells_of(row: "Row") -> list[str]:
    shares = [f"{100 * share:.0f} %" for share in (row.answered, *row.within, row.worse)]
    return [row.rule, *shares, f"{row.median_error:.2f}", f"{row.seed_sd:.2f}"]


def _cells_of_outlier(row: "OutlierRow") -> list[str]:
    shares = [f"{100 * share:.1f} %" for share in (row.within, row.worse, row.moved)]
    return [str(row.steps), row.place if row.size else "–", f"{row.size:+g}" if row.size else "none", *shares]


def _grid(cell: "Cell") -> dict[str, Any]:
    best = cell.grid.best_rate
    recommended = [test.recommended for test in cell.tests]
    return {"name": cell.grid.name, "best_rate": best, "best_loss": min(cell.grid.losses), "recommended": recommended}
