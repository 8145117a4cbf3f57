"""Keeping the registry as the database has it, on every process that serves: the writer and those that stand by."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from lrtune.service.access.registry import Registry
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.sql.reading.tokens import NOT_SEEN, Seen, StoredToken, read_seen, read_tokens
from lrtune.service.storage.sql.writing.tokens import note_used, remove_ended

_log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""A revocation holds on every process within a second."""
WRITE_SECONDS = 60.0
"""How often it is written when tokens were used."""
_KEPT_SECONDS = 86_400.0
"""Sign-ins and former secrets stay so long after their end."""


class Keeper:
    """The looks. All of it is for the event loop; the database is asked in threads."""

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry
        self._looking = asyncio.Lock()
        # Of its own: those of the event loop may all be taken, by reads of the audit say.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lrtune-tokens")
        self._seen = NOT_SEEN
        self._failing = False
        self._written: dict[str, float] = {}

    async def run(self) -> None:
        """Look until cancelled; then write what is left to be written."""
        elapsed = 0.0
        try:
            while True:
                await self.try_to_look()
                await asyncio.sleep(LOOK_SECONDS)
                elapsed += LOOK_SECONDS
                if elapsed >= WRITE_SECONDS:
                    elapsed = 0.0
                    await self._write()
        finally:
            await asyncio.shield(self._write())

    async def try_to_look(self) -> None:
        """Take in what was changed; never raises."""
        try:
            await self.look()
        except Exception as error:  # Whatever it is: without further looks, no revocation would be seen.
            self._note_failure(error)
        else:
            self._failing = False

    async def look(self) -> None:
        """Take in what was changed. Raises what the database does."""
        async with self._looking:
            looked = asyncio.get_running_loop().run_in_executor(self._thread, self._changed, self._seen)
            seen, rows, all_of_them = await looked
            if all_of_them:
                self._registry.replace(rows, seen.version)
            else:
                self._registry.take_in(rows, seen.version)
            self._seen = seen

    def close(self) -> None:
        """Look no more: the thread ends."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _note_failure(self, error: Exception) -> None:
        if not self._failing and self._registry.version >= 0:
            _log.warning("the tokens cannot be read, and stay as they were: %s", error)
        self._failing = True

    def _changed(self, known: Seen) -> tuple[Seen, Sequence[StoredToken], bool]:
        """How the tokens stand, those that were changed, and whether these are all there are: where the database is
        not as this process knows it, another was put in its place, or an older state of it."""
        with self._engine.database.snapshot() as connection:
            seen = read_seen(connection)
            if seen == known:
                return seen, [], False
            if seen.version > known.version:
                changed = read_tokens(connection, after=known.version)
                new = sum(self._registry.token(token.token_id) is None for token in changed)
                if known.count + new == seen.count:
                    return seen, changed, False
            return seen, read_tokens(connection), True

    async def _write(self) -> None:
        """When tokens were used, and what has ended long ago; the writer alone, and never raises."""
        used = {token: at for token, at in self._registry.used.copy().items() if self._written.get(token) != at}
        before = self._engine.clock() - _KEPT_SECONDS
        self._registry.remove_ended(before=before)
        if self._engine.state != "active" or not used:
            return

        def write(connection: Connection) -> None:
            note_used(connection, used)
            remove_ended(connection, before=before)

        try:
            await asyncio.to_thread(self._engine.upkeep.run, write)
        except Exception as error:
            _log.warning("when tokens were used is written later: %s", error)
        else:
            self._written |= used
