"""Where a search keeps its study."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lrtune.trainers.client.client import Client


@contextmanager
def opened(client: Client | str | None) -> Iterator[Client]:
    """`client` as it is, and open afterwards; of an address, else of LRTUNE_SERVER, a client for the block; of neither,
    one without a service, on a file that is gone with the block."""
    if isinstance(client, Client):
        yield client
    elif client is not None or os.environ.get("LRTUNE_SERVER"):
        with Client(client) as own:
            yield own
    else:
        folder = tempfile.TemporaryDirectory(prefix="lrtune-")
        with folder, Client(f"local:{Path(folder.name, 'search.db')}") as own:
            yield own
