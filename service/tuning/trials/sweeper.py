"""Taking back leases that were not renewed, for as long as the service runs.

A round comes several times a second, and is the pulse of the event loop. Where it comes late, the loop stood still or
the whole process did: renewals that were sent meanwhile wait to be read, and no lease may run out for that.
"""

import asyncio
import logging
from collections.abc import Callable

from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.errors import StorageError
from lrtune.service.tuning.history import recording
from lrtune.service.tuning.trials.trials import Trials

_log = logging.getLogger(__name__)

ROUND_SECONDS = 0.25
_LATE_SECONDS = 0.25
"""A round that comes later than this makes up for it: less is what any busy loop is late by."""
_WORTH_A_LINE_SECONDS = 1.0


class Sweeper:
    """The rounds. All of it is for the event loop; `on_expired` is told how many leases a round took back, `on_late` by
    how many seconds each came late."""

    def __init__(
        self,
        engine: Engine,
        trials: Trials,
        *,
        on_expired: Callable[[int], None],
        on_late: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._engine = engine
        self._trials = trials
        self._on_expired = on_expired
        self._on_late = on_late
        self._loaded = 0
        """The takeover whose leases have been loaded."""
        self._loading: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Go round until cancelled."""
        try:
            while True:
                self.go_round()
                await asyncio.sleep(ROUND_SECONDS)
        finally:
            self._engine.pulse.end()

    def go_round(self) -> None:
        """One round; never raises."""
        try:
            late_seconds = self._engine.pulse.beat() - ROUND_SECONDS
            self._on_late(late_seconds)
            self._make_up(late_seconds)
            if self._engine.state == "active":
                self._load_leased()
                expired = self._trials.expire()
                if expired:
                    self._on_expired(expired)
        except StorageError as error:
            _log.warning("leases are not watched for the moment: %s", error)
        except Exception:
            _log.exception("the lease sweeper failed once")

    def _make_up(self, late_seconds: float) -> None:
        if late_seconds < _LATE_SECONDS:
            return
        if late_seconds >= _WORTH_A_LINE_SECONDS:
            _log.warning("nothing was served for %.1f s: no lease runs out for that", late_seconds)
        self._trials.make_up(late_seconds)

    def _load_leased(self) -> None:
        """Begin to load what is on lease, once for each time that this process became the writer,
        or got shards."""
        loading = self._loading
        if self._engine.takeovers != self._loaded and (loading is None or loading.done()):
            self._loading = asyncio.create_task(self._load(self._engine.takeovers), name="lrtune-leased")

    async def _load(self, takeover: int) -> None:
        try:
            await asyncio.to_thread(self._engine.load_leased)
            self._loaded = takeover
            await asyncio.to_thread(self._engine.check_specs)
            await asyncio.to_thread(recording.fill, self._engine)
        except StorageError as error:
            _log.warning("leases are not all watched for the moment: %s", error)
        except Exception:
            _log.exception("what is on lease could not all be loaded")
