"""`bench callbacks`: what a callback costs its training."""

from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.options import Json
from lrtune.service.cli.output import print_json
from tests.benchmarks.command_line import Quick, fail, markdown, measuring, say

if TYPE_CHECKING:
    from tests.benchmarks.storage.figures import Figure

_COLUMNS = ("framework", "with", "without", "found", "must be", "", "processor")


def callbacks(
    only: Annotated[
        str | None,
        typer.Option(help="Of keras, lightning, huggingface, trl, fastai, lightgbm, xgboost: these, by commas."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=1000, help="Trainings with and without, in turns.")] = 15,
    quick: Quick = False,
    as_json: Json = False,
) -> None:
    """What does a callback that reports each epoch cost a small training?

    All frameworks that are installed, where none is named: `make frameworks` installs them. Ends with code 1 where one
    costs more than it may. docs/reference/benchmarks.md says more.
    """
    from tests.benchmarks.callbacks.named import TRAININGS, installed
    from tests.benchmarks.callbacks.run import run

    there = installed()
    chosen = there if only is None else only.split(",")
    for extra in chosen:
        if extra not in TRAININGS:
            fail(f"there is no framework {extra!r}: take of {', '.join(TRAININGS)}", 2)
        if extra not in there:
            fail(f"{extra} is not installed: make frameworks", 2)
    if not chosen:
        fail("no framework is installed: make frameworks", 2)
    with measuring():
        figures = list(run(chosen, rounds=1 if quick else rounds, judged=not quick, say=say))
    if as_json:
        print_json({"figures": [figure.as_json() for figure in figures]})
    else:
        print(markdown(_COLUMNS, [_line(figure) for figure in figures]))
    if any(figure.checks[0].passed is False for figure in figures):
        raise typer.Exit(1)


def _line(figure: "Figure") -> tuple[str, ...]:
    wall, processor = figure.checks
    with_it, without = (f"{1000 * side.median:.0f} ms" for side in (wall.of, wall.against) if side is not None)
    return (figure.title, with_it, without, wall.text, wall.must_text, wall.verdict, processor.text)
