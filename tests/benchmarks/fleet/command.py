"""`bench fleet`: a thousand simulated workers on two services and PostgreSQL."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Quick, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.fleet.figures import Found, Row


def fleet(
    workers: Annotated[
        int | None, typer.Option(min=1, max=3000, show_default="1000", help="Simulated workers.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=5, show_default="300", help="How long they work.")] = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """A fleet of simulated workers on a writer and its standby, on PostgreSQL, for five minutes.

    They report a step a second, trainings are of random length, 2 % of the workers are killed a minute, 1 % of the
    replies are cut off, the services' clocks are wrong, the writer is killed and the next one drained. Prints how long
    requests waited, and compares what the workers know with the database. Ends with code 1 where a promise was broken
    or, in the long form, a figure does not hold. docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.fleet.plan import QUICK, Plan
    from tests.benchmarks.fleet.run import run

    plan = QUICK if quick else Plan()
    if workers is not None:
        plan = replace(plan, workers=workers, processes=min(plan.processes, workers))
    if seconds is not None:
        plan = replace(plan, seconds=seconds)
    with measuring():
        found = run(plan, say)
    _show(found, as_json)
    if found.broken or any(figure.holds is False for figure in found.figures()):
        raise typer.Exit(1)


def _show(found: "Found", as_json: bool) -> None:
    from tests.benchmarks.fleet.check import shortened

    figures = found.figures()
    if as_json:
        shown = {"broken": shortened(found.broken), "rows": [asdict(row) for row in found.rows], "counts": found.counts}
        print_json(shown | {"refused": found.refused, "figures": [asdict(figure) for figure in figures]})
        return
    columns = ("part", "requests", "count", "median, ms", "p95", "p99", "longest")
    print(markdown(columns, (_cells(row) for row in found.rows)), end="\n\n")
    told = {True: "holds", False: "fails", None: ""}
    rows = ((figure.what, figure.found, figure.must, told[figure.holds]) for figure in figures)
    print(markdown(("figure", "found", "must", ""), rows), end="\n\n")
    for text in shortened(found.broken):
        print(text)
    for text, count in found.refusals.most_common(10):
        print(f"refused {count} times: {text}")
    counts = found.counts
    print(
        f"{counts['lease']:,} leases, {counts['report']:,} reports, {counts['result']:,} results acknowledged "
        f"({counts['report'] / found.plan.seconds:,.0f} reports a second); {counts['kill']} workers killed, "
        f"{counts['cut']:,} replies cut, {sum(found.refused.values()):,} requests refused while a service was gone"
    )


def _cells(row: "Row") -> tuple[str, ...]:
    numbers = (f"{1000 * seconds:.0f}" for seconds in (row.p50, row.p95, row.p99, row.longest))
    return (row.part, row.endpoint, f"{row.count:,}", *numbers)
