"""The service that a command talks to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lrtune.trainers.client.client import Client

RETRY_SECONDS = 2.0
"""For a person at a terminal: long enough for a service that is just starting."""


def connect(server: str | None) -> "Client":
    """A client of the service at that address, else of the one that the environment names."""
    from lrtune.trainers.client.client import Client

    return Client(server, retry_seconds=RETRY_SECONDS)
