"""Options that several commands have."""

from typing import Annotated

import typer

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

StudyName = Annotated[str, typer.Argument(help="Name of the study.")]
