"""`bench shards`: two processes of the service beside one, on one PostgreSQL database."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json, print_table
from tests.benchmarks.command_line import Quick, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.shards.run import Findings, Move


def shards(
    postgres_url: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_BENCH_POSTGRES_URL",
            help="A PostgreSQL server where databases may be created, instead of one of the bench's own.",
        ),
    ] = None,
    moves: Annotated[
        int | None, typer.Option(min=1, show_default="5", help="How often a process is killed, and told to end.")
    ] = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Reports a second of one process and of two; what a hop costs; how long studies wait for a process that ended.

    Ends with code 1 where a call failed that the service was to take in spite of that. As many cores as processes, one
    more for the load, and one for PostgreSQL make the ratio one of processes, not of cores.
    docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.shards.run import QUICK, Plan, run

    plan = QUICK if quick else Plan()
    if moves is not None:
        plan = Plan(plan.studies, plan.steps, plan.rounds, moves)
    with measuring():
        found = run(plan, say, postgres_url)
    if as_json:
        print_json(asdict(found))
    else:
        _show(found)
    if any(move.failed for move in (*found.killed, *found.told_to_end)):
        raise typer.Exit(1)


def _show(found: "Findings") -> None:
    rows = [
        (what, f"{one.rate:.0f}", f"{one.rate / found.one.rate:.2f}", f"{one.processor_milliseconds:.3f}")
        for what, one in (
            ("one process", found.one),
            ("two, each study at its owner", found.two),
            ("two, all asked for at one", found.hop),
        )
    ]
    print_table(("", "reports a second", "ratio", "processor ms a report"), rows)
    moves = [("killed", found.killed), ("told to end", found.told_to_end)]
    print_table(("a process is", "times", "longest wait, s", "calls failed", "reports"), [_row(*one) for one in moves])


def _row(what: str, moves: "list[Move]") -> tuple[str, str, str, str, str]:
    return (
        what,
        str(len(moves)),
        f"{max(move.seconds for move in moves):.2f}",
        str(sum(move.failed for move in moves)),
        str(sum(move.reports for move in moves)),
    )
