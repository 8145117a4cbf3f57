"""Options that several commands have."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from lrtune.service.cli.completion import study_names
from lrtune.service.cli.output import fail
from lrtune.service.wire.tags import parse_tags

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar="LRTUNE_SERVER",
        show_default="http://127.0.0.1:8080",
        help="Address of the service; local:FILE.db for a file that none serves.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]

NewStudyName = Annotated[str, typer.Argument(help="Name of the study.")]
StudyName = Annotated[str, typer.Argument(help="Name of the study.", autocompletion=study_names)]


def tag_option(help: str) -> typer.models.OptionInfo:
    """`--tag KEY=VALUE`, repeatable."""
    option: typer.models.OptionInfo = typer.Option("--tag", metavar="KEY=VALUE", help=help)
    return option


def read_tags(given: Sequence[str] | None) -> Mapping[str, str]:
    """The tags of `--tag`, by key; one that is none ends the command in one line."""
    try:
        return parse_tags(given or ())
    except ValueError as error:
        fail(f"--tag: {error}", 2)
