"""`lrtune study set`."""

import json
from typing import Annotated, Any

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName
from lrtune.service.cli.output import fail, print_json


def _limit(text: str) -> int | None:
    """A budget. Raises BadParameter."""
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a whole number nor none") from None


def _prior(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def change(
    name: StudyName,
    max_trials: Annotated[
        str | None, typer.Option(metavar="N|none", help="Budget: trials, exactly; none for no limit.")
    ] = None,
    max_total_steps: Annotated[
        str | None, typer.Option(metavar="N|none", help="Budget: steps over all trials; none for no limit.")
    ] = None,
    paused: Annotated[
        bool | None, typer.Option("--paused/--not-paused", help="Hand out no trial; those that run go on.")
    ] = None,
    stopped: Annotated[
        bool | None, typer.Option("--stopped/--not-stopped", help="Finish: running trials stop at their next report.")
    ] = None,
    prior: Annotated[
        str | None, typer.Option(help="What is taken to be known of the rate: auto, none, or JSON as in a spec.")
    ] = None,
    short_trainings: Annotated[str | None, typer.Option(help="auto, or none: no further trial is short.")] = None,
    description: Annotated[str | None, typer.Option(help="What the study is about.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Change a study: its budget, whether it is paused or stopped, what it takes to be known.

    What is left out stays as it is. More trials than before set a finished study going again.

    Example: lrtune study set my-model --max-trials 40
    """
    given: dict[str, Any] = {
        "max_trials": max_trials,
        "max_total_steps": max_total_steps,
        "paused": paused,
        "stopped": stopped,
        "prior": prior,
        "short_trainings": short_trainings,
        "description": description,
    }
    read = {"max_trials": _limit, "max_total_steps": _limit, "prior": _prior}
    changes = {
        field: read[field](value) if field in read else value for field, value in given.items() if value is not None
    }
    if not changes:
        fail("nothing to change: give --max-trials, say; lrtune study set --help lists what there is", 2)
    with connect(server) as client:
        study = client.patch_study(name, **changes)
    if as_json:
        print_json(study)
    else:
        said = ", ".join(f"{field} {'none' if value is None else value}" for field, value in changes.items())
        print(f"study {study.name}: {study.state}, {study.trials} trials so far; now {said}")
