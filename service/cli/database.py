"""What commands share that open a database themselves."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from lrtune.service.cli.output import fail

STORAGE_HELP = (
    "The database: FILE, sqlite:///FILE or local:FILE for one of SQLite, postgresql://USER:PASSWORD@HOST/NAME for "
    "one of PostgreSQL. By the environment where it holds a password: command lines can be read by others."
)
Storage = Annotated[str, typer.Option("--storage", metavar="DATABASE", envvar="LRTUNE_STORAGE", help=STORAGE_HELP)]
DEFAULT_STORAGE = "sqlite:///lrtune.db"


@contextlib.contextmanager
def one_line_errors(storage: str, code: int = 1) -> Iterator[None]:
    """Whatever a database or a disk may answer, as one line that holds no secret of the storage URL."""
    from lrtune.service.storage.errors import StorageError

    try:
        yield
    except (StorageError, OSError) as error:
        fail(str(error), code)
    except Exception as error:
        from alembic.util import CommandError
        from optuna.exceptions import OptunaError
        from sqlalchemy.exc import SQLAlchemyError

        from lrtune.service.storage.database.connections import parse_url
        from lrtune.service.storage.database.driver_errors import DRIVER_ERRORS, first_line
        from lrtune.service.storage.database.shown import without_secrets

        if not isinstance(error, (*DRIVER_ERRORS, SQLAlchemyError, OptunaError, CommandError)):
            raise
        fail(f"the database answered: {without_secrets(first_line(error), parse_url(storage))}", code)
