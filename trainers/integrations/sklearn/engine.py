"""Where a search keeps its study."""

from collections.abc import Iterator
from contextlib import contextmanager

from lrtune.trainers.client.client import Client


@contextmanager
def opened(client: Client | str | None) -> Iterator[Client]:
    """`client` as it is, and open afterwards; of an address, or of nothing, a client for the block."""
    if isinstance(client, Client):
        yield client
        return
    with _default() if client is None else Client(client) as own:
        yield own


def _default() -> Client:
    """The client of who names none."""
    return Client()
