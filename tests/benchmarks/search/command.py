"""`bench search`: search methods compared on tabulated learning curves."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import fail, print_json, print_table

if TYPE_CHECKING:
    from tests.benchmarks.search.tables import Row


def search(
    data: Annotated[
        Path | None,
        typer.Option("--data", exists=True, file_okay=False, help="The folder that holds the suites' folders."),
    ] = None,
    suite: Annotated[
        list[str] | None, typer.Option(help="Only this suite (--real: built-in task); repeatable.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method; may be repeated.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each task.")] = 10,
    trainings: Annotated[int, typer.Option(min=3, help="The budget, in full trainings.")] = 25,
    tasks: Annotated[
        Literal["all", "dev", "kept"],
        typer.Option(help="All tasks; every third, kept aside for judging; or the others, for developing."),
    ] = "all",
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 2,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Where results are kept; what is there is not run again.")
    ] = Path("search-results"),
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw the comparison into this file.")] = None,
    real: Annotated[
        bool,
        typer.Option("--real", help="Small real trainings, annealed within each length: DIR's, else trained here."),
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="With --real: three small tasks, under a minute.")] = False,
    as_json: Json = False,
) -> None:
    """Compare search methods by regret after 3, 5, 8, 10 and 25 full trainings.

    Training is simulated on tables of learning curves: a stopped run pays for what it ran, a resumed one for what it
    runs on. Regret is 0 at the best loss known, 1 at that of the median random configuration. The methods are
    explained in docs/search.md. With --real, by how often they come within 1.1 and 2 times the best loss, and at what
    cost: docs/ladder.md.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # As for the service: see `lrtune serve`.
    if real:
        from tests.benchmarks.search.real import RealComparison
        from tests.benchmarks.search.real_command import results_file, search_real

        kept = None if data is not None else results_file(out, quick)
        asked = RealComparison(data, tuple(method or ()), tasks, seeds, quick, jobs, kept, tuple(suite or ()))
        search_real(asked, as_json=as_json)
        return
    if data is None:
        fail("--data is missing: give the folder that holds the suites' folders, or --real to train here", 2)
    from tests.benchmarks.processes import BenchError
    from tests.benchmarks.search.run import PRIORBAND, Comparison, available, compare
    from tests.benchmarks.search.run import as_json as to_json
    from tests.benchmarks.search.suites import SUITES

    if not method and PRIORBAND not in available():
        _say(f"{PRIORBAND} is left out: NePS is not installed (docs/search.md)")
    comparison = Comparison(
        data=data,
        folder=out,
        suites=tuple(suite or SUITES),
        methods=tuple(method or available()),
        tasks=tasks,
        seeds=seeds,
        trainings=trainings,
        processes=jobs,
        plot=plot,
    )
    try:
        table = compare(comparison, _say)
    except BenchError as error:
        fail(str(error))
    if as_json:
        print_json(to_json(table, comparison))
    else:
        _print(table, trainings)


def _say(line: str) -> None:
    from rich.console import Console

    Console(stderr=True, highlight=False).print(line, style="dim", markup=False, soft_wrap=True)


def _print(table: "list[Row]", trainings: int) -> None:
    from tests.benchmarks.search.tables import heads

    for suite in dict.fromkeys(row.suite for row in table):
        found = [row for row in table if row.suite == suite]
        for what in ("seen", "suggested"):
            shown = "best loss seen" if what == "seen" else "configuration suggested"
            title = f"{suite}: regret of the {shown}, {found[0].tasks} tasks, {found[0].seeds} seeds (± standard error)"
            print_table(("method", *heads(trainings)), [_line(row, what) for row in found], title=title)


def _line(row: "Row", what: str) -> tuple[str, ...]:
    values, errors = getattr(row, what), getattr(row, f"{what}_error")
    return (row.method, *(f"{value:.4f} ± {error:.4f}" for value, error in zip(values, errors, strict=True)))
