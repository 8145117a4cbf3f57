"""The application of the service, on an event loop in a thread of this process."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource
from starlette.types import Scope

from lrtune.service.app import create_app
from lrtune.service.embedded.errors import CannotEmbed, ServiceEnded
from lrtune.service.embedded.exchange import Exchange
from lrtune.service.settings import Settings
from lrtune.service.storage.errors import StorageError, WriterBusy
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.storage.memory.actor import whoever_typed

START_SECONDS = 60.0
"""A large database takes some time to be upgraded."""
DRAIN_SECONDS = 5.0
"""What is being answered when the service ends may take so long."""
_BY_EFFECTIVE_IDS = os.access in os.supports_effective_ids

END_SECONDS = 50.0
"""The engine takes 40 s at the most."""

_log = logging.getLogger(__name__)


class _Settings(Settings):
    """Of a service that nobody reaches from outside. The environment is meant for `lrtune serve`, and is not read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, alone."""
        return (init_settings,)


class EmbeddedService:
    """The service of one SQLite file, for this process alone.

    Who can write the file can do everything: no token is asked for, and the audit names the user. Raises CannotEmbed
    where the file cannot be served, one that another process serves among them.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._deposed = ""
        self._ended = False
        self._ready: Future[None] = Future()
        self._under_way: set[asyncio.Task[None]] = set()
        _check_place(file)
        _quieten_alembic()
        url = f"sqlite:///{file}"
        try:
            check_can_open(url)
            self._app = create_app(_Settings(storage=url), on_deposed=self._note_deposed, owner=whoever_typed())
        except StorageError as error:
            raise CannotEmbed(str(error)) from error
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-embedded", daemon=True)
        self._thread.start()
        try:
            self._ready.result(START_SECONDS)
        except TimeoutError:
            self.close()
            raise CannotEmbed(f"{file} could not be opened within {START_SECONDS:.0f} s: try again") from None
        except WriterBusy:
            self.close()
            raise CannotEmbed(_busy(file)) from None
        except StorageError as error:
            self.close()
            raise CannotEmbed(str(error)) from error
        except BaseException:
            self.close()
            raise
        self._identity = _identity(file)

    # In any other thread

    @property
    def has_its_file(self) -> bool:
        """Whether the file is there, and the one that was opened."""
        return self._identity is not None and _identity(self._file) == self._identity

    def ask(self, scope: Scope, body: bytes) -> Exchange:
        """Hand a request over. Raises ServiceEnded."""
        if self._deposed:
            raise ServiceEnded(f"{self._file} is not served from this process any more: {self._deposed}")
        if self._ended:
            raise ServiceEnded(f"the service of {self._file} in this process was closed: open another Client")
        if not self.has_its_file:  # It would say so itself, as what may pass; and be asked again, for minutes.
            raise ServiceEnded(
                f"the file {self._file} that is served from this process is gone, deleted, moved or replaced: put it "
                "back; or, to begin anew there, close what has it open (a Client, an earlier result of tune) or open "
                "it again"
            )
        exchange = Exchange(self._loop, scope, body)
        if not self._tell(partial(self._begin, exchange)):
            raise ServiceEnded(f"the service of {self._file} in this process has ended: open another Client")
        return exchange

    def close_without_file(self) -> None:
        """As `close`; who asks afterwards is told that the file is gone, and that another is served."""
        self._deposed = "it was deleted, moved or replaced, and opened anew here"
        self.close()

    def close(self) -> None:
        """End what is asked, commit what is pending, give the file up and end the thread. Waits at most 50 s."""
        self._ended = True
        self._tell(self._ending.set)
        self._thread.join(END_SECONDS)
        if self._thread.is_alive():
            _log.error("the service of %s did not end within %.0f s", self._file, END_SECONDS)

    def close_at_exit(self) -> None:
        """The same while the interpreter ends. No thread pool takes work any more, so that the application cannot end
        in good order: the engine is closed from here."""
        self._ended = True
        detached: Future[None] = Future()
        engine = self._app.state.container.engine

        def detach() -> None:
            engine.committer.detach()
            detached.set_result(None)

        if self._tell(detach):
            detached.result(DRAIN_SECONDS)
        engine.close()

    def call_soon(self, function: Callable[[], None]) -> None:
        """Have the event loop call that; nothing where it has ended. Without a lock: finalizers may call it."""
        self._tell(function)

    def _tell(self, function: Callable[[], None]) -> bool:
        """Whether the loop still turned, and was told to call it."""
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # It is closed.
            return False
        return True

    def _note_deposed(self, reason: str) -> None:
        self._deposed = reason

    # In the thread of the event loop

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve())
            except BaseException as error:
                if self._ready.done():
                    _log.exception("the service of %s ended with an error", self._file)
                else:
                    self._ready.set_exception(error)

    async def _serve(self) -> None:
        app: FastAPI = self._app
        async with app.router.lifespan_context(app):
            container = app.state.container
            if container.engine.failure is not None:
                raise container.engine.failure
            container.engine.check_active()
            self._ready.set_result(None)
            await self._ending.wait()
            container.watchers.close()
            container.gate.close()
            await self._drain()

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=DRAIN_SECONDS)
        for task in self._under_way:
            task.cancel()

    def _begin(self, exchange: Exchange) -> None:
        task = self._loop.create_task(exchange.serve(self._app))
        self._under_way.add(task)
        task.add_done_callback(partial(self._end, exchange))

    def _end(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        exchange.end()


def _identity(file: Path) -> tuple[int, int] | None:
    """A file's device and number there; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_place(file: Path) -> None:
    """Raises CannotEmbed where a look at the file system says that it cannot be. A folder that is not there, and what
    is no database, the storage finds."""
    if file.is_dir():
        raise CannotEmbed(f"{file} is a folder: name a file in it, local:{file}/lrtune.db say")
    for needed in (file, file.parent):  # Its log and its lock lie beside it.
        if needed.exists() and not os.access(needed, os.W_OK, effective_ids=_BY_EFFECTIVE_IDS):
            raise CannotEmbed(f"{needed} cannot be written by this user: make it so, or name another file")


def _quieten_alembic() -> None:
    """It tells of each look at a schema, which is nothing to the log of a training script."""
    told = logging.getLogger("alembic")
    if told.level == logging.NOTSET:
        told.setLevel(logging.WARNING)


def _busy(file: Path) -> str:
    return (
        f"another process serves {file}: where that is `lrtune serve`, give the address that it printed, "
        'Client("http://HOST:PORT") or tune(…, server="http://HOST:PORT"); else end it, or name another file'
    )
