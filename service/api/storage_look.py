"""What `/readyz` knows of the storage."""

import asyncio
import math
import time
from collections.abc import Callable

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance.upgrade import is_current

_CHECK_TIMEOUT_SECONDS = 3.0
_TOLD_SECONDS = 1.0


class StorageLook:
    """Whether the storage answers. One look at a time is taken, for all who ask, and told for a second: a flood of
    probes costs the database nothing. For the event loop."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._looking: asyncio.Task[tuple[str, str]] | None = None
        self._until = -math.inf

    async def told(self) -> tuple[str, str]:
        """`reachable`, or why it is away; and whether the schema is `current`."""
        looking = self._looking
        if looking is None or (looking.done() and self._clock() >= self._until):
            looking = self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(looking)

    async def _look(self) -> tuple[str, str]:
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
                current = await asyncio.to_thread(is_current, self._database)
        except (StorageError, TimeoutError) as error:
            why = self._database.concealed(str(error))
            return f"away: {why}" if why else "away: it does not answer in time", "unknown"
        finally:
            self._until = self._clock() + _TOLD_SECONDS
        return "reachable", "current" if current else "outdated"
