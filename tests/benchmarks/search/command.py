"""`bench search`: search methods compared on learning curves, bowls and real trainings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json, print_table
from tests.benchmarks.command_line import Jobs, fail, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.search.tables import Row

DEFAULT_SEEDS = 10
DEFAULT_TRAININGS = 25
QUICK_TRAININGS = 5
QUICK_METHODS = ("random", "auto-pausing")


def search(
    data: Annotated[
        Path | None,
        typer.Option("--data", exists=True, help="The folder that holds the suites' folders; bowls need none."),
    ] = None,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this suite: deepobs, lcbench-lr, lcbench, taskset, bowls-2, bowls-3, bowls-6 "
            "(--real: built-in task); repeatable."
        ),
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method; may be repeated.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, show_default="10; 1 on bowls", help="Repetitions of each task.")
    ] = None,
    first_seed: Annotated[int, typer.Option(min=0, help="The seed of the first repetition.")] = 0,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="Each seed keeps this share of a task's configurations, at random.")
    ] = 1.0,
    trainings: Annotated[
        int | None, typer.Option(min=3, show_default="25", help="The budget, in full trainings.")
    ] = None,
    tasks: Annotated[
        Literal["all", "dev", "kept"],
        typer.Option(help="All tasks; every third, kept aside for judging; or the others, for developing."),
    ] = "all",
    jobs: Jobs = 2,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Where results are kept; what is there is not run again.")
    ] = Path("search-results"),
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw the comparison into this file.")] = None,
    real: Annotated[
        bool,
        typer.Option("--real", help="Small real trainings, annealed within each length: DIR's, else trained here."),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Under a minute: bowls of 2, 5 trainings, 2 methods; --real: three small tasks."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare search methods by regret after 3, 5, 8, 10 and 25 full trainings.

    Training is simulated on tables of learning curves: a stopped run pays for what it ran, a resumed one for what it
    runs on. Regret is 0 at the best loss known, 1 at that of the median random configuration. The methods are
    explained in docs/explanation/search.md, which has this table; its "Smooth problems" are --suite bowls-2, bowls-3
    and bowls-6. With --real, by how often they come within 1.1 and 2 times the best loss, and at what
    cost: docs/explanation/ladder.md.
    """
    if real:
        from tests.benchmarks.search.real import RealComparison
        from tests.benchmarks.search.real_command import results_file, search_real

        kept = None if data is not None else results_file(out, quick)
        repeated = DEFAULT_SEEDS if seeds is None else seeds
        trained = RealComparison(data, tuple(method or ()), tasks, repeated, quick, jobs, kept, tuple(suite or ()))
        search_real(trained, as_json=as_json)
        return
    from tests.benchmarks.search.bowls import BOWLS
    from tests.benchmarks.search.run import PRIORBAND, Comparison, available, compare
    from tests.benchmarks.search.run import as_json as to_json
    from tests.benchmarks.search.suites import SUITES

    suites = tuple(suite or (BOWLS[:1] if quick else SUITES))
    smooth = set(suites) <= set(BOWLS)
    if data is None and not smooth:
        fail("--data is missing: give the folder that holds the suites' folders, or --real to train here", 2)
    if not method and not quick and PRIORBAND not in available():
        say(f"{PRIORBAND} is left out: NePS is not installed (docs/explanation/search.md)")
    comparison = Comparison(
        data=data or Path(),
        folder=out,
        suites=suites,
        methods=tuple(method or (QUICK_METHODS if quick else available())),
        tasks="kept" if quick else tasks,
        seeds=seeds or (1 if smooth or quick else DEFAULT_SEEDS),
        first_seed=first_seed,
        share=share,
        trainings=trainings or (QUICK_TRAININGS if quick else DEFAULT_TRAININGS),
        processes=jobs,
        plot=plot,
    )
    with measuring():
        table = compare(comparison, say)
    if as_json:
        print_json(to_json(table, comparison))
    else:
        _print(table, comparison.trainings)


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
