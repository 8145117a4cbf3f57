"""`bench away`: a training that reports, with the service there and with it away."""

from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Quick, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.storage.figures import Figure

_COLUMNS = ("figure", "sides (median)", "ratio", "must", "")


def away(
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Trainings of each kind, in turns.")] = 20,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """What does a report after each step of 10 ms cost, with the service there, and with it away?

    And how many reports a second are told once it is back. Ends with code 1 where they cost more than they may.
    docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.away.run import run

    with measuring():
        figures = list(run(rounds=1 if quick else rounds, quick=quick, say=say))
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print(markdown(_COLUMNS, [_line(figure) for figure in figures]))
    if any(check.passed is False for figure in figures for check in figure.checks):
        raise typer.Exit(1)


def _line(figure: "Figure") -> tuple[str, ...]:
    sides = ", ".join(f"{side.name} {side.median:,.4g} {figure.unit}" for side in figure.sides)
    checks = [(check.text, check.must_text if check.judged else "", check.verdict) for check in figure.checks]
    return (figure.title, sides, *(checks[0] if checks else ("", "", "")))
