"""`bench access`: what tokens cost those who have the right one."""

from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Databases, Quick, kinds_of, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.storage.figures import Figure

_COLUMNS = ("storage", "what", "sides, medians", "ratio", "must be", "")


def access(
    tokens: Annotated[bool, typer.Option("--tokens", help="Reports with a token, with 10,000, and without.")] = False,
    flood: Annotated[bool, typer.Option("--flood", help="Wrong tokens beside an honest worker.")] = False,
    databases: Annotated[Databases, typer.Option("--storage", help="Which databases to serve from.")] = "sqlite",
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """What does it cost a worker with the right token that there are tokens, and others with wrong ones?

    All parts where none is named. The sides of a figure take turns in one run. Ends with code 1 where a ratio is not
    what it must be. Everything is on loopback, and ends with the command. docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.access.run import run

    parts = [name for name, wanted in (("tokens", tokens), ("flood", flood)) if wanted]
    with measuring():
        figures = list(run(parts, kinds_of(databases), quick=quick, say=say))
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print(markdown(_COLUMNS, map(_cells, figures)))
    if any(check.passed is False for figure in figures for check in figure.checks):
        raise typer.Exit(1)


def _cells(figure: "Figure") -> tuple[str, ...]:
    sides = ", ".join(f"{side.name} {side.median:.3g} {figure.unit}" for side in figure.sides)
    (check,) = figure.checks
    return figure.storage, figure.title, sides, check.text, check.must_text, check.verdict
