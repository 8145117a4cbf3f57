"""`lrtune suggest`."""

from typing import Annotated

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, print_json
from lrtune.service.wire.as_text import suggestion_line, suggestion_reasons


def suggest(
    study: Annotated[str | None, typer.Argument(help="Name of the study; left out: from past studies.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Without a study: adamw, sgd, …")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Without a study: the batch size.")] = None,
    total_steps: Annotated[int | None, typer.Option(min=1, help="Without a study: optimizer steps.")] = None,
    family: Annotated[str | None, typer.Option(help="Without a study: the kind of task, as studies tag it.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """What to train with, on all that a study knows so far. Costs no trial.

    Without a study: what past studies found with the same optimizer, else what is usual. The last line is the suggested
    learning rate with its interval; with --json, everything the service says.
    """
    from lrtune.trainers.errors import InvalidRequest

    wanted = {"optimizer": optimizer, "batch_size": batch_size, "total_steps": total_steps, "family": family}
    if study is not None and any(value is not None for value in wanted.values()):
        fail("a study knows its optimizer, batch size, steps and family: name it alone, or leave it out", code=2)
    with connect(server) as client:
        try:
            suggestion = client.suggest(**wanted) if study is None else client.suggestion(study)  # type: ignore[arg-type]
        except InvalidRequest as error:
            fail(f"--{error.field.replace('_', '-')}: {error.reason}", code=2)
    if as_json:
        print_json(suggestion)
        return
    for line in suggestion_reasons(suggestion):
        print(line)
    print(suggestion_line(suggestion))
