"""`bench faults`: break the service and its database under load, and check that nothing was lost."""

from dataclasses import asdict, replace
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json, print_table
from tests.benchmarks.command_line import Databases, kinds_of, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.faults.rounds import Outcome

_COLUMNS = ("fault", "times", "hollow", "reports", "results", "retried", "pause, s", "takeover, s", "wrong")
"""`hollow`: rounds whose fault struck no load, played again. `pause`: the longest time without acknowledgement after a
fault, median and most over the faults."""


def measure_faults(
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to break.")] = "both",
    kills: Annotated[
        int | None, typer.Option(min=0, show_default="50", help="How often the service is killed.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, show_default="8", help="Worker processes that make the load.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The short form: each fault once, 2 workers.")] = False,
    as_json: Json = False,
) -> None:
    """Kill, stop, cut and fill up, under load, and compare what was acknowledged with what the database holds.

    Ends with code 1 where something acknowledged is not there exactly once, a budget was not exact, a client saw an
    error it had to handle, or a fault could not be made to strike under load. docs/explanation/faults.md says what is
    broken and how. Nothing outside temporary folders is written, and every process that is started has ended when the
    command has.
    """
    from tests.benchmarks.faults.run import QUICK, Plan, run

    plan = QUICK if quick else Plan()
    if kills is not None:
        plan = replace(plan, kills=kills)
    if workers is not None:
        plan = replace(plan, size=replace(plan.size, workers=workers))
    outcomes = []
    with measuring():
        for kind in kinds_of(databases):
            outcomes += list(run(kind, plan, say))
    _show(outcomes, as_json)
    if any(outcome.violations for outcome in outcomes):
        raise typer.Exit(1)


def _show(outcomes: "list[Outcome]", as_json: bool) -> None:
    count = sum(len(outcome.violations) for outcome in outcomes)
    if as_json:
        print_json({"violations": count, "faults": [asdict(outcome) for outcome in outcomes]})
        return
    tried = [outcome for outcome in outcomes if outcome.times or outcome.hollow or outcome.violations]
    for kind in dict.fromkeys(outcome.storage for outcome in tried):
        print_table(_COLUMNS, (_row(outcome) for outcome in tried if outcome.storage == kind), title=kind)
    for outcome in outcomes:
        for text in outcome.violations:
            print(f"{outcome.storage}, {outcome.fault}: {text}")
    times = sum(outcome.times for outcome in outcomes)
    reports = sum(outcome.reports for outcome in outcomes)
    results = sum(outcome.results for outcome in outcomes)
    hollow = sum(outcome.hollow for outcome in outcomes)
    errors = sum(outcome.client_errors for outcome in outcomes)
    held = "all held" if not count else f"{count} violations"
    print(
        f"{times} faults under load ({hollow} hollow rounds played again), {reports:,} reports and {results:,} results "
        f"acknowledged, {errors} errors that a client had to handle: {held}"
    )


def _row(outcome: "Outcome") -> tuple[str, ...]:
    return (
        outcome.fault,
        str(outcome.times),
        str(outcome.hollow),
        f"{outcome.reports:,}",
        f"{outcome.results:,}",
        str(outcome.retries),
        _spread(outcome.pauses),
        _spread(outcome.takeovers),
        str(len(outcome.violations)),
    )


def _spread(seconds: list[float]) -> str:
    return f"{median(seconds):.1f} … {max(seconds):.1f}" if seconds else "–"
