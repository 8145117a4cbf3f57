"""`bench pages`: what pages cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Databases, Quick, fail, kinds_of, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.storage.figures import Check, Figure

_COLUMNS = ("storage", "what", "sides, medians", "found", "must be", "")


def pages(
    only: Annotated[str | None, typer.Option(help="Of paint, update, viewers, holds: these, by commas.")] = None,
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to serve from.")] = "sqlite",
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """What do pages cost with 100,000 trials, after a report, and with 200 viewers?

    All parts where none is named. Ends with code 1 where a figure is not what it must be. Needs Chromium. Everything is
    on loopback, and ends with the command. docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.pages.run import PARTS, run

    parts = [] if only is None else only.split(",")
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        fail(f"there is no part {unknown[0]!r}: take of {', '.join(PARTS)}", 2)
    with measuring():
        figures = list(run(parts, kinds_of(databases), quick=quick, say=say))
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print(markdown(_COLUMNS, [cells for figure in figures for cells in _cells(figure)]))
    if any(check.passed is False for figure in figures for check in figure.checks):
        raise typer.Exit(1)


def _cells(figure: "Figure") -> list[tuple[str, ...]]:
    shown = figure.sides if len(figure.sides) <= 4 else [max(figure.sides, key=lambda side: side.median)]
    sides = ", ".join(f"{side.name} {side.median:.3g} {figure.unit}" for side in shown)
    return [
        (
            figure.storage,
            figure.title,
            sides,
            check.text or f"{check.value:.3g} {figure.unit}",
            check.must_text,
            check.verdict,
        )
        for check in figure.checks
    ]


def _found(figure: "Figure", check: "Check") -> str:
    return check.text or f"{check.value:.3g} {figure.unit}"
