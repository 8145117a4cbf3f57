"""`bench abuse`: hostile and unlucky clients beside honest workers; how long do these wait, and what do they lose?"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Databases, Quick, kinds_of, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.abuse.scenario import Row

_COLUMNS = (
    "what a stranger does",
    "the stranger got",
    "beats",
    "median",
    "p99",
    "longest",
    "× calm",
    "refused",
    "lost",
)


def measure_abuse(
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to serve from.")] = "both",
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A heading, or part of a scenario's name; may be repeated.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, show_default="100000", help="Trials of the study that is read.")
    ] = None,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """Play hostile and unlucky clients beside eight honest workers that send a heartbeat every 50 ms.

    Prints, for each, what the stranger got, and in milliseconds how long the heartbeats waited: the longest also as a
    ratio to the longest with nobody else there. Ends with code 1 where a lease was lost, an answer was wrong or, in the
    long form, a heartbeat waited longer than 250 ms (or twice the calm longest, on a machine that is busy otherwise).
    Everything is on loopback, and ends with the command. docs/reference/benchmarks.md says more.
    """
    from dataclasses import replace

    from tests.benchmarks.abuse.run import run
    from tests.benchmarks.abuse.stage import QUICK, Size

    size = QUICK if quick else Size()
    if trials is not None:
        size = replace(size, trials=trials)
    rows: list[Row] = []
    with measuring():
        for kind in kinds_of(databases):
            rows += run(kind, size, only or (), say)
    if as_json:
        print_json({"rows": [asdict(row) | {"held": row.held} for row in rows]})
    else:
        _show(rows)
    if any(row.lost or row.wrong or not (quick or row.held) for row in rows):
        raise typer.Exit(1)


def _show(rows: "list[Row]") -> None:
    for kind in dict.fromkeys(row.storage for row in rows):
        print(f"{kind}\n\n{markdown(_COLUMNS, (_cells(row) for row in rows if row.storage == kind))}\n")
    for row in rows:
        for what in row.wrong:
            print(f"{row.storage}, {row.scenario}: {what}")
    late = [row for row in rows if row.judged and not row.held and not row.wrong]
    print(
        f"{len(rows)} scenarios, {sum(row.lost for row in rows)} leases lost, {len(late)} with waits that are too long"
    )


def _cells(row: "Row") -> tuple[str, ...]:
    def milliseconds(seconds: float) -> str:
        return f"{1000 * seconds:.0f}"

    return (
        row.scenario,
        row.told[:50],
        str(row.heartbeats),
        milliseconds(row.typical),
        milliseconds(row.late),
        milliseconds(row.longest) if row.judged else "–",
        f"{row.longest / row.calm:.1f}" if row.judged and row.calm else "–",
        str(row.refused),
        str(row.lost),
    )
