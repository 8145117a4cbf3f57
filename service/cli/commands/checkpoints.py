"""Where a worker's checkpoints lie, as its command line says."""

import os
from typing import Annotated

import typer

VARIABLE = "LRTUNE_CHECKPOINTS"

Checkpoints = Annotated[
    str | None,
    typer.Option(
        envvar=VARIABLE,
        metavar="PLACE",
        help="Where built-in tasks keep checkpoints: a folder, s3://BUCKET/FOLDER or gs://…, that all workers of the "
        f"study share. A task of your own, and a program, finds it as {VARIABLE}.",
        show_default="among the temporary files",
    ),
]


def use_checkpoints(place: str, *, task_trains: bool) -> None:
    """Hands it on. Raises TrainingError for a place that a task cannot use; a program may know others."""
    if task_trains:
        from lrtune.trainers.state.places.opened import place_of

        place_of(place)
    os.environ[VARIABLE] = place
