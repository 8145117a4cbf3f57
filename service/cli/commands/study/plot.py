"""`lrtune study plot`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.commands.study.task_tags import FOLDS
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import fail, print_json
from lrtune.service.sentences import pictures as words

if TYPE_CHECKING:
    from lrtune.service.pictures.parts import Picture
    from lrtune.service.wire.responses import LearningRateResponse
    from lrtune.service.wire.trials import TrialWithCurve
    from lrtune.trainers.client.client import Client

MOST_TRIALS = 300
"""In one picture, over the parameters of a study without a learning rate."""


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
    """Draw a study's metric over its learning rate: every trial by what it came to, a panel a choice (the optimizer,
    say), the fit, its band, the interval and where it diverges. Without a learning rate: over each other number."""
    with connect(server) as client:
        if curves:
            _plot_curves(client, name, to or Path("curves.png"), as_json=as_json)
        else:
            _plot_response(client, name, to or Path("response.png"), as_json=as_json)


def _plot_response(client: "Client", name: str, to: Path, *, as_json: bool) -> None:
    found = client.response(name)
    if found.parameter is None:
        _plot_parameters(client, name, to, as_json=as_json)
        return
    from lrtune.service.pictures.rate.response import counts

    _save(_response_picture(client, found), to)
    if as_json:
        print_json(found)
        return
    drawn = Counter[str](point.state for point in found.points)
    print(words.counted(drawn, counts(found), without=found.without_rate, parameter=found.parameter))
    told = words.fitted(found.categories, fit=found.fit is not None, edge=found.max_stable_learning_rate)
    if told:
        print(told)
    print(words.written(to))


def _response_picture(client: "Client", found: "LearningRateResponse") -> "Picture":
    """With the study's latest range test, where it has one."""
    from lrtune.service.pictures.rate.response import response_picture

    tests = list(client.range_tests(found.study))
    if not tests:
        return response_picture(found)
    return response_picture(found, test=tests[-1], optimizer=tests[-1].optimizer)


def _plot_parameters(client: "Client", name: str, to: Path, *, as_json: bool) -> None:
    """Of a study without a learning rate, over what else is a number."""
    from lrtune.service.pictures.space.parameters import MOST, Tried, numeric, parameters_picture

    spec = client.study(name).spec
    names = numeric(spec.search_space)
    if not names:
        fail(f"study {name} searches no number: there is nothing to draw it over; see lrtune study show {name}", 2)
    begun = [trial for trial in client.trials(name) if trial.state != "waiting" or trial.step is not None]
    trials = []
    for trial in begun[-MOST_TRIALS:]:
        value = trial.value
        if value is None and trial.state != "diverged" and trial.step is not None:
            curve = client.trial(name, trial.number, max_points=2).curve
            value = curve[-1].value if curve else None
        trials.append(Tried(trial.number, trial.state, trial.params, value))
    counts = Counter[str](trial.state for trial in begun)
    title, metric = f"study {name}", spec.measured
    picture = parameters_picture(
        trials, spec.search_space, title=title, metric=metric, direction=spec.direction, counts=counts
    )
    _save(picture, to)
    if as_json:
        print_json(begun)
        return
    print(words.without_a_rate(name, min(len(names), MOST)))
    print(words.counted(Counter[str](trial.state for trial in trials), counts))
    print(words.written(to))


def _plot_curves(client: "Client", name: str, to: Path, *, as_json: bool) -> None:
    response, best = client.response(name), client.status(name).best
    trials, begun = _reported(client, name, None if best is None else best.trial, whole=as_json)
    if not trials:
        fail(f"no trial of study {name} has reported yet: there are no curves to draw", 1)
    from lrtune.service.pictures.progress.curves import curves_picture

    folds = FOLDS in client.study(name).spec.tags
    picture = curves_picture(
        trials,
        title=f"study {name}",
        metric=response.metric,
        direction=response.direction,
        parameter=response.parameter,
        best=None if best is None else best.trial,
        step="fold" if folds else "step",
        begun=begun,
    )
    _save(picture, to)
    if as_json:
        print_json(trials)
        return
    print(words.curves(len(trials), begun))
    print(words.written(to))


def _reported(client: "Client", name: str, best: int | None, *, whole: bool) -> "tuple[list[TrialWithCurve], int]":
    """The latest trials that have reported, by number, and the best one, with their `whole` curves or what is drawn of
    them; and how many trials have begun."""
    begun = [trial for trial in client.trials(name) if trial.state != "waiting" or trial.step is not None]
    numbers = [trial.number for trial in begun if trial.step is not None]
    from lrtune.service.pictures.progress.curves import MOST_CURVES, MOST_POINTS

    chosen = numbers[-MOST_CURVES:]
    if best in numbers and best not in chosen:
        chosen = [best, *chosen[1:]] if len(chosen) == MOST_CURVES else [best, *chosen]
    points = None if whole else MOST_POINTS
    return [client.trial(name, number, max_points=points) for number in chosen], len(begun)


def _save(picture: "Picture", to: Path) -> None:
    from lrtune.service.cli.pictures import save

    try:
        save(picture, to)
    except OSError as error:
        fail(f"{to} cannot be written: {error.strerror or error}")
