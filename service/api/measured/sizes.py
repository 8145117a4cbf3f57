"""How large the database is on its disk, and how old its latest backup."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.sizes import Sizes, sizes_of
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance.backup import Backup, latest_backup

_log = logging.getLogger(__name__)

_KEPT_SECONDS = 15.0
"""So many scrapes as like cost the database one look in that time."""
_WAIT_SECONDS = 2.0
"""The longest that a scrape waits for the look; one that takes longer is told by a later scrape."""


class SizeMetrics:
    """Gauges that `look` brings up to date. One look at a time, in a thread. For the event loop."""

    def __init__(
        self, registry: CollectorRegistry, backups: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.database_bytes = Gauge("lrtune_database_bytes", "The database on its disk.", registry=registry)
        self.wal_bytes = Gauge("lrtune_wal_bytes", "The write-ahead log on its disk.", registry=registry)
        self.last_backup = Gauge(
            "lrtune_last_backup_timestamp_seconds", "When the latest backup was complete.", registry=registry
        )
        self.last_backup_bytes = Gauge("lrtune_last_backup_bytes", "The latest backup on its disk.", registry=registry)
        self._backups = backups
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -math.inf

    async def look(self, database: Database) -> None:
        """Set the gauges, unless that was done of late. What cannot be read is told as NaN."""
        looking = self._looking
        if looking is None or (looking.done() and self._clock() - self._looked_at >= _KEPT_SECONDS):
            looking = self._looking = asyncio.create_task(self._look(database), name="lrtune-sizes")
        await asyncio.wait([looking], timeout=_WAIT_SECONDS)

    async def _look(self, database: Database) -> None:
        try:
            sizes, backup = await asyncio.to_thread(_read, database, self._backups)
        except Exception:
            _log.exception("the sizes for /metrics could not be read")
            sizes, backup = Sizes(math.nan, math.nan), None
        finally:
            self._looked_at = self._clock()
        self.database_bytes.set(sizes.database_bytes)
        self.wal_bytes.set(sizes.wal_bytes)
        self.last_backup.set(0.0 if backup is None else backup.at)
        self.last_backup_bytes.set(0.0 if backup is None else backup.size_bytes)


def _read(database: Database, folder: Path | None) -> tuple[Sizes, Backup | None]:
    try:
        sizes = sizes_of(database)
    except StorageError:
        sizes = Sizes(math.nan, math.nan)
    try:
        return sizes, None if folder is None else latest_backup(folder)
    except OSError as error:
        _log.warning("the backups cannot be looked at: %s; check LRTUNE_BACKUPS", error)
        return sizes, None
