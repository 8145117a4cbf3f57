"""`lrtune study plot`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.commands.study.task_tags import FOLDS
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import fail, number, print_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lrtune.service.wire.trials import TrialWithCurve
    from lrtune.trainers.client.client import Client

MOST_CURVES = 60
"""In one picture; of more trials, the latest and the best."""


def plot(
    name: StudyName,
    to: Annotated[
        Path | None,
        typer.Option("--plot", help="Where to write the picture, a PNG.", show_default="response.png or curves.png"),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="Draw the training curves instead, coloured by learning rate.")
    ] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Draw a study's metric over its learning rate: trials, fit, band, where it diverges, the suggestion."""
    with connect(server) as client:
        if curves:
            _plot_curves(client, name, to or Path("curves.png"), as_json=as_json)
        else:
            _plot_response(client, name, to or Path("response.png"), as_json=as_json)


def _plot_response(client: "Client", name: str, to: Path, *, as_json: bool) -> None:
    found = client.response(name)
    if found.parameter is None:
        fail(f"study {name} searches no learning rate: there is nothing to draw it over", 2)
    from lrtune.service.cli.pictures.response import draw

    _save(draw(found), to)
    if as_json:
        print_json(found)
        return
    if found.fit is None:
        print("no fit: it needs three complete trials")
    edge = found.max_stable_learning_rate
    print(f"{len(found.points)} trials drawn{f'; diverges above {number(edge)}' if edge else ''}")
    print(f"picture in {to}")


def _plot_curves(client: "Client", name: str, to: Path, *, as_json: bool) -> None:
    response, best = client.response(name), client.status(name).best
    trials = _reported(client, name, None if best is None else best.trial)
    if not trials:
        fail(f"no trial of study {name} has reported yet: there are no curves to draw", 1)
    from lrtune.service.cli.pictures.curves import draw

    folds = FOLDS in client.study(name).spec.tags
    drawn = draw(
        trials,
        title=f"study {name}: {len(trials)} trials",
        metric=response.metric,
        direction=response.direction,
        parameter=response.parameter,
        best=None if best is None else best.trial,
        step="fold" if folds else "step",
    )
    _save(drawn, to)
    if as_json:
        print_json(trials)
        return
    print(f"{len(trials)} trials drawn")
    print(f"picture in {to}")


def _reported(client: "Client", name: str, best: int | None) -> "list[TrialWithCurve]":
    """The latest trials that have reported, by number, and the best one."""
    numbers = [trial.number for trial in client.trials(name) if trial.step is not None]
    chosen = numbers[-MOST_CURVES:]
    if best in numbers and best not in chosen:
        chosen = [best, *chosen]
    return [client.trial(name, number) for number in chosen]


def _save(figure: "Figure", to: Path) -> None:
    from lrtune.service.cli.pictures.base import save

    try:
        save(figure, to)
    except OSError as error:
        fail(f"{to} cannot be written: {error.strerror or error}")
