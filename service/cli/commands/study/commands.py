"""`lrtune study`: its commands; the larger ones have files of their own."""

import sys
from typing import Annotated

import typer

from lrtune.service.cli.commands.study.change import change
from lrtune.service.cli.commands.study.create import create
from lrtune.service.cli.commands.study.exporting.command import export
from lrtune.service.cli.commands.study.health import health
from lrtune.service.cli.commands.study.importing import import_study
from lrtune.service.cli.commands.study.mirror import mirror
from lrtune.service.cli.commands.study.pause import pause, resume, stop
from lrtune.service.cli.commands.study.plot import plot
from lrtune.service.cli.commands.study.replay import replay
from lrtune.service.cli.commands.study.show import budget_text, show
from lrtune.service.cli.commands.study.trials import trials
from lrtune.service.cli.commands.study.watch import watch
from lrtune.service.cli.connection import connect
from lrtune.service.cli.options import Json, Server, StudyName, read_tags, tag_option
from lrtune.service.cli.output import fail, print_json, print_table
from lrtune.service.sentences.words import plain


def list_studies(
    tag: Annotated[
        list[str] | None, tag_option("Those with this tag, repeatable: with all of them. --tag family=cnn.")
    ] = None,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """List the studies of a service.

    Example: lrtune study list --tag family=cnn
    """
    tags = read_tags(tag)
    with connect(server) as client:
        studies = list(client.studies(tags=tags))
    if as_json:
        print_json(studies)
        return
    if not studies:
        shown = " ".join(f"{key}={value}" for key, value in tags.items())
        remedy = "`lrtune study list` shows all there are" if tags else "`lrtune study create NAME` makes one"
        print(f"there is no study{f' with {plain(shown)}' if tags else ''}: {remedy}", file=sys.stderr)
        return
    print_table(
        ("study", "state", "trials", "searches", "budget", "tags", "created"),
        (
            (
                study.name,
                study.state,
                study.trials,
                ", ".join(study.search_space),
                budget_text(study),
                " ".join(f"{key}={value}" for key, value in study.tags.items()) or "–",
                f"{study.created_at:%Y-%m-%d %H:%M}",
            )
            for study in studies
        ),
        words=("study", "searches"),
    )


def delete(
    name: StudyName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Delete a study with all its trials."""
    if not yes:
        if not sys.stdin.isatty():
            fail(f"deleting {name} takes its trials with it: confirm with --yes", 2)
        typer.confirm(f"Delete study {name} with all its trials?", abort=True, err=True)
    with connect(server) as client:
        client.delete_study(name)
    if as_json:
        print_json({"deleted": name})
    else:
        print(f"deleted study {name}")


app = typer.Typer(
    help="Create, show, follow, change, draw and delete studies.", no_args_is_help=True, add_completion=False
)
app.command("create")(create)
app.command("list")(list_studies)
app.command("show")(show)
app.command("health")(health)
app.command("trials")(trials)
app.command("watch")(watch)
app.command("pause")(pause)
app.command("resume")(resume)
app.command("stop")(stop)
app.command("set")(change)
app.command("delete")(delete)
app.command("plot")(plot)
app.command("replay")(replay)
app.command("export")(export)
app.command("import")(import_study)
app.command("mirror")(mirror)
