"""How long it is remembered what was done.

The clock may be wrong, and the audit is not to be lost for that. So an hour costs it a day at the most: of what is too
old by the clock, the entries of the first day that there are. And where all of it is too old, none is removed: then
either the clock has jumped, or nobody has done anything since.
"""

import asyncio
import logging

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.sql.writing.retention import remove_entries, span_of_audit

_log = logging.getLogger(__name__)

LOOK_SECONDS = 3_600.0
FIRST_LOOK_SECONDS = 300.0
"""After the start: a service that is started again and again costs the audit no more."""
AT_ONCE = 500
"""Entries that are removed within a transaction: some milliseconds, in which nothing else is committed."""
_PAUSE_SECONDS = 0.05
_DAY_SECONDS = 86_400.0


class Retention:
    """Removes entries that are older than `days`; for ever 0. All of it is for the event loop."""

    def __init__(self, engine: Engine, days: float) -> None:
        self._engine = engine
        self._days = days
        self._warned = False

    async def run(self) -> None:
        """Look every hour until cancelled."""
        if not self._days:
            return
        await asyncio.sleep(FIRST_LOOK_SECONDS)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Remove what is due now, a few at a time between the commits; how many it were. Never raises."""
        removed = 0
        try:
            before = await asyncio.to_thread(self._due) if self._engine.state == "active" else None
            while before is not None:
                some = await asyncio.to_thread(self._remove, before)
                removed += some
                if some < AT_ONCE:
                    break
                await asyncio.sleep(_PAUSE_SECONDS)
        except StorageError as error:
            _log.warning("old entries of the audit are removed later: %s", error)
        except Exception:
            _log.exception("removing old entries of the audit failed once")
        if removed:
            _log.info("old entries of the audit removed", extra={"entries": removed})
        return removed

    def _due(self) -> float | None:
        """The time before which entries are to be removed now; None where none are."""
        with self._engine.database.read() as connection:
            span = span_of_audit(connection)
        too_old = self._engine.clock() - self._days * _DAY_SECONDS
        if span is None or span.first >= too_old:
            return None
        if span.last < too_old:
            if not self._warned:
                _log.warning(
                    "all of the audit is older than %g days and is kept: either nothing was done since, or the clock "
                    "is wrong",
                    self._days,
                )
            self._warned = True
            return None
        return min(too_old, span.first + _DAY_SECONDS)

    def _remove(self, before: float) -> int:
        return self._engine.upkeep.run(lambda connection: remove_entries(connection, before=before, most=AT_ONCE))
