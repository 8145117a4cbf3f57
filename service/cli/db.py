"""`lrtune db`: look after the database."""

from typing import Annotated

import typer

from service.cli.output import fail

app = typer.Typer(help="Look after the database.", no_args_is_help=True, add_completion=False)


@app.callback()
def _group() -> None:
    """Look after the database."""


@app.command("upgrade")
def upgrade(
    storage: Annotated[
        str,
        typer.Option(
            envvar="LRTUNE_STORAGE",
            help="sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; by the environment where "
            "it holds a password.",
        ),
    ] = "sqlite:///lrtune.db",
) -> None:
    """Create the tables, or bring them up to this version. `lrtune serve` does the same when it starts."""
    from service.storage import schema
    from service.storage.database import Database
    from service.storage.errors import StorageError
    from service.storage.schema import check_can_open

    try:
        check_can_open(storage)
        database = Database(storage)
        try:
            if not schema.is_current(database):
                database.acquire()
                schema.upgrade(database)
            print(f"{database.shown_url} is up to date")
        finally:
            database.close()
    except StorageError as error:
        fail(str(error))
