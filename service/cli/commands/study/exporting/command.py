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

FORMATS = ("jsonl", "csv", "parquet")


def export(
    name: StudyName,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="jsonl, csv or parquet; else what the file's name ends in."),
    ] = None,
    curves: Annotated[
        bool, typer.Option("--curves", help="A table of reports (trial, step, value) in place of one of trials.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
    ] = None,
    server: Server = None,
) -> None:
    """Write a study to a file: all that is known of it, for `lrtune study import`, or a table of its trials or reports.

    JSON lines are all of it, and what is written where nothing else is asked for; CSV and Parquet are tables.

    Example: lrtune study export my-model -o my-model.jsonl

    Example: lrtune study export my-model -o trials.parquet
    """
    chosen = _format(form, output, curves=curves)
    if chosen == "parquet" and output is None and sys.stdout.isatty():
        fail("Parquet is not for a terminal: name a file with -o", 2)
    with connect(server) as client, alive(f"exporting {name}") as shown, target(output) as to:
        if chosen == "jsonl":
            for line, text in enumerate(client.export_study(name), 1):
                to.write(text)
                shown.count(line, None, "lines")
        else:
            _write_table(client, name, chosen, to, curves=curves, count=shown.count)
    if output is not None:
        what = "" if chosen == "jsonl" else "the reports of " if curves else "the trials of "
        print(f"wrote {what}study {name} to {output}", file=sys.stderr)


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


def _format(form: str | None, output: Path | None, *, curves: bool) -> str:
    named = "" if output is None else output.suffix.removeprefix(".").lower()
    chosen = form or (named if named in FORMATS else "csv" if curves else "jsonl")
    if chosen not in FORMATS:
        raise typer.BadParameter(f"--format {chosen!r} is none of {', '.join(FORMATS)}")
    if chosen == "jsonl" and curves:
        raise typer.BadParameter("--curves is for tables, csv or parquet: jsonl has the curves anyway")
    return chosen
