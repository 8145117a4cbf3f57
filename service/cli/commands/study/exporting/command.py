"""`lrtune study export`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from lrtune.service.cli.commands.study.exporting.target import target
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Server, StudyName
from lrtune.service.cli.output import fail
from lrtune.service.cli.progress import alive

if TYPE_CHECKING:
    from lrtune.trainers.client.client import Client

FORMATS = ("csv", "parquet")


def export(
    name: StudyName,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="csv or parquet; else what the name of the file ends in."),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="A row a report (trial, step, value) in place of a row a trial.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
    ] = None,
    server: Server = None,
) -> None:
    """Write a study to a file: a table of its trials, or of all that they reported.

    Example: lrtune study export my-model -o trials.parquet
    """
    chosen = _format(form, output)
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        fail("Parquet is not for a terminal: name a file with -o", 2)
    with connect(server) as client, alive(f"exporting {name}") as shown, target(output) as to:
        _write_table(client, name, chosen, to, curves=curves, count=lambda rows: shown.count(rows))
    if output is not None:
        print(f"wrote {'the reports' if curves else 'the trials'} of study {name} to {output}", file=sys.stderr)


def _write_table(
    client: "Client", name: str, form: str, to: BinaryIO, *, curves: bool, count: Callable[[int], object]
) -> None:
    from lrtune.service.cli.commands.study.exporting.tables import (
        curves_table,
        trials_table,
        write_csv,
        write_parquet,
    )

    study = client.study(name).spec
    table = curves_table(client.curves(name)) if curves else trials_table(study, client.trials(name, page=1000))
    (write_csv if form == "csv" else write_parquet)(table, to, count)


def _format(form: str | None, output: Path | None) -> str:
    named = "" if output is None else output.suffix.removeprefix(".").lower()
    chosen = form or (named if named in FORMATS else FORMATS[0])
    if chosen not in FORMATS:
        raise typer.BadParameter(f"--format {chosen!r} is none of {', '.join(FORMATS)}")
    return chosen
