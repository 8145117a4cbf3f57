"""The service that a command talks to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lrtune.service.cli.progress import alive

if TYPE_CHECKING:
    from lrtune.trainers.client.client import Client

RETRY_SECONDS = 2.0
"""For a person at a terminal: long enough for a service that is just starting."""


@contextmanager
def connect(server: str | None) -> "Iterator[Client]":
    """A client of the service at that address, else of the one that the environment names.

    A wait of more than 2 s is shown, that for an engine in this process as such, until the command prints something.
    """
    from lrtune.trainers.client.client import Client
    from lrtune.trainers.client.local.connection import is_local, local_file

    if not is_local(server):
        with alive("waiting for the service") as shown, Client(server, retry_seconds=RETRY_SECONDS) as client:
            shown.doing(f"waiting for the service at {client.server}")
            yield client
        return
    with alive("starting the engine in this process") as shown:
        file = local_file(server)
        shown.doing(f"starting the engine of {file}")
        with Client(server, retry_seconds=RETRY_SECONDS) as client:
            shown.doing(f"waiting for the engine of {file}")
            yield client
