"""Where tokens are kept that a command is about: with a service, or in a database that it opens itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from lrtune.service.cli.connection import connect
from lrtune.service.cli.database import one_line_errors
from lrtune.service.cli.output import fail
from lrtune.service.cli.progress import alive

if TYPE_CHECKING:
    from lrtune.service.access.offline import OfflineAccess
    from lrtune.trainers.client.client import Client

Offline = Annotated[
    bool,
    typer.Option("--offline", help="Without a service, in the database itself, that of --storage; beside one, too."),
]


@contextmanager
def place(
    context: typer.Context, server: str | None, offline: bool, storage: str, *, make: bool = False
) -> "Iterator[Client | OfflineAccess]":
    """Who is asked about tokens: both have the same methods. `make`: a database that is not there is made."""
    if not offline:
        if getattr(context.get_parameter_source("storage"), "name", None) == "COMMANDLINE":
            fail("--storage goes with --offline: a service knows its own database", 2)
        with _advising_offline(), connect(server) as client:
            yield client
        return
    with one_line_errors(storage), alive("opening the database"):
        from lrtune.service.access.errors import AccessError
        from lrtune.service.access.offline import open_offline

        try:
            with open_offline(storage, make=make) as access:
                yield access
        except AccessError as error:
            fail(str(error))


@contextmanager
def _advising_offline() -> Iterator[None]:
    from lrtune.trainers.errors import ServiceUnreachable

    try:
        yield
    except ServiceUnreachable as error:
        error.advise("on the machine of the database, --offline needs no service")
        raise
