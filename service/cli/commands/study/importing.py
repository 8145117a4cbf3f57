"""`lrtune study import`."""

from pathlib import Path
from typing import Annotated

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server
from lrtune.service.cli.output import fail, print_json
from lrtune.service.cli.progress import alive


def import_study(
    file: Annotated[Path, typer.Argument(help="What `lrtune study export` wrote.")],
    name: Annotated[str | None, typer.Option("--name", help="What to call the study; else what it was called.")] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Make a study of a file that `lrtune study export` wrote: it goes on as it did where it came from.

    Nobody is shown it before all of it is in. Where that was cut off, the same command goes on.

    Example: lrtune study import my-model.jsonl --name my-model-2
    """
    with connect(server) as client, alive(f"importing {file.name}") as shown:
        try:
            progress = client.import_study(file, name, count=lambda done, of: shown.count(done, of, "lines"))
        except OSError as error:
            fail(f"{file} cannot be read ({error.strerror or error}): name a file that `lrtune study export` wrote", 2)
    if as_json:
        print_json(progress)
    else:
        print(f"imported study {progress.study}: `lrtune study show {progress.study}`")
