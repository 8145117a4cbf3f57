"""`bench storage`: how fast the service stores, beside a bare endpoint and stock Optuna."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json, print_table
from lrtune.service.wire.as_text import number
from tests.benchmarks.command_line import Databases, fail, kinds_of, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.storage.figures import Figure, Findings

ROWS = (
    "report",
    "work-random",
    "work-tpe",
    "ask-random",
    "ask-tpe",
    "ask-auto",
    "status",
    "pauses",
    "memory",
    "load",
    "takeover",
)
"""The rows, in the order in which they run."""

_DEFAULT_SIZES = "100,10000,100000"
_DEFAULT_ROUNDS = 3


def measure_storage(
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to measure on.")] = "both",
    sizes: Annotated[
        str, typer.Option(metavar="N,N,…", show_default=_DEFAULT_SIZES, help="Finished trials in the study.")
    ] = "",
    rounds: Annotated[
        int | None,
        typer.Option(min=1, show_default=str(_DEFAULT_ROUNDS), help="Rounds; a figure is their median."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help=f"Only this row; may be repeated. One of {', '.join(ROWS)}.")
    ] = None,
    pruner: Annotated[
        Literal["auto", "median", "none"], typer.Option(help="What judges the reports, by the same rule on all sides.")
    ] = "auto",
    stock_limit: Annotated[
        int, typer.Option(min=0, help="Stock Optuna's workers are measured up to this many finished trials.")
    ] = 10_000,
    postgres_url: Annotated[
        str | None,
        typer.Option(
            envvar="LRTUNE_BENCH_POSTGRES_URL",
            help="A PostgreSQL server where databases may be created, instead of one of the bench's own.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="The short form: SQLite, 100 and 300 trials, one short round.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure reports, asks, status, memory, loading and takeover, all sides in one run.

    The rows are explained in docs/reference/benchmarks.md. Nothing outside a temporary folder is written, and every
    process that is started has ended when the command has.
    """
    from tests.benchmarks.storage.plan import Plan
    from tests.benchmarks.storage.run import measure

    unknown = [row for row in only or () if row not in ROWS]
    if unknown:
        fail(f"there is no row {unknown[0]!r}: use one of {', '.join(ROWS)}", 2)
    chosen = tuple(row for row in ROWS if not only or row in only)
    plan = Plan.quick(chosen) if quick else Plan(rows=chosen, kinds=kinds_of(databases), stock_limit=stock_limit)
    plan = plan.changed(sizes=_sizes(sizes), rounds=rounds, pruner=pruner, postgres_url=postgres_url)
    with measuring():
        findings = measure(plan, say=say)
    if as_json:
        print_json(findings.as_json())
    else:
        _print(findings)


def _sizes(text: str) -> tuple[int, ...] | None:
    try:
        sizes = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        sizes = (0,)
    if any(size < 1 for size in sizes):
        fail("--sizes takes numbers from 1, with commas between, as in 100,10000", 2)
    return sizes or None


def _print(findings: "Findings") -> None:
    print(", ".join(f"{name} {value}" for name, value in findings.machine.items()))
    for figure in findings.figures:
        title = f"{figure.title}; {figure.storage}, {figure.trials:,} trials"
        print_table(("side", f"median {figure.unit}", "rounds", "ratio", "must", ""), _lines(figure), title=title)
    for note in findings.notes:
        print(f"note: {note}")
    print(
        f"{findings.passed} figures hold, {findings.failed} do not, {findings.unjudged} are not judged at these sizes"
    )


def _lines(figure: "Figure") -> list[tuple[str, ...]]:
    """A line a side, with the check that compares it."""
    lines: list[tuple[str, ...]] = []
    for side in figure.sides:
        check = next((check for check in figure.checks if check.shown_at == side.name), None)
        judged = ("", "", "") if check is None else (check.text, check.must_text, check.verdict)
        lines.append((side.name, _amount(side.median), f"{_amount(side.least)} … {_amount(side.most)}", *judged))
    return lines


def _amount(value: float) -> str:
    """Three digits, never with an exponent: `5,430`, `12.3`, `0.0412`."""
    return f"{value:,.0f}" if value >= 100 else number(value)
