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

    A wait of more than 2 s is shown, until the command prints something.
    """
    from lrtune.trainers.client.client import Client

    with alive("waiting for the service") as shown, Client(server, retry_seconds=RETRY_SECONDS) as client:
        shown.doing(f"waiting for the service at {client.server}")
        yield client
