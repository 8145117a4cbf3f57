"""The thread that makes this process the writer, keeps it the writer, and commits."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from lrtune.service.storage.errors import StorageError, StorageUnavailable, WriterBusy
from lrtune.service.storage.maintenance import upgrade
from lrtune.service.storage.sql import studies

if TYPE_CHECKING:
    from lrtune.service.storage.engine.engine import Engine

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5
_PING_SECONDS = 2.0

EngineState = Literal["starting", "standby", "active", "away", "closed"]


class WriterThread:
    """One engine's thread. Where another process became the writer in place of this one, it tells `on_deposed` and
    ends; without that, it waits as standby."""

    def __init__(self, engine: "Engine", on_deposed: Callable[[str], None] | None) -> None:
        self._engine = engine
        self._on_deposed = on_deposed
        self._closing = threading.Event()
        self._tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lrtune-committer", daemon=True)

    def start(self) -> None:
        """Start it; it takes the lock, upgrades the schema and goes active."""
        self._thread.start()

    def wait_tried(self, timeout_seconds: float) -> None:
        """Wait for the first try to become the writer. Raises StorageUnavailable where it takes longer."""
        if not self._tried.wait(timeout_seconds):
            raise StorageUnavailable(f"the database did not answer within {timeout_seconds:.0f} s")

    def close(self) -> None:
        """Commit what is pending, give the lock up and end. Waits at most 30 s."""
        self._closing.set()
        self._engine.committer.wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30.0)

    def _run(self) -> None:
        engine = self._engine
        last_ping = time.monotonic()
        while True:
            closing = self._closing.is_set()
            if engine.state != "active" and not closing:
                self._try_to_activate()
            if engine.state == "active":
                if not closing:
                    engine.committer.wake.wait(_RETRY_SECONDS)
                engine.committer.wake.clear()
                self._commit()
                if time.monotonic() - last_ping > _PING_SECONDS:
                    last_ping = time.monotonic()
                    self._checkpoint()
                    self._check_connection()
                    self._engine.drop_idle()
            elif not closing:
                self._closing.wait(_RETRY_SECONDS)
            if closing:
                break
        self._engine.end()

    def _commit(self) -> None:
        try:
            self._engine.committer.commit()
        except Exception:  # Of who is told of commits. This thread must not end: nothing would be committed any more.
            _log.exception("after a commit")

    def _checkpoint(self) -> None:
        try:
            self._engine.database.checkpoint()
        except StorageUnavailable as error:
            _log.warning("the write-ahead log was not carried over: %s", error)

    def _try_to_activate(self) -> None:
        engine = self._engine
        try:
            engine.database.acquire()
            try:
                upgrade.upgrade(engine.database)
                with engine.database.read() as connection:
                    names = studies.study_names(connection)
                    last_ids = studies.largest_ids(connection)
                engine.database.probe()
            except BaseException as error:
                if engine.activations and isinstance(error, StorageUnavailable):
                    engine.database.disconnect()
                else:
                    engine.database.release()
                raise
        except StorageError as error:
            engine.note_state("standby" if isinstance(error, WriterBusy) else "away", error)
            if isinstance(error, WriterBusy) and engine.activations:
                self._note_deposed()
        except Exception as error:
            _log.exception("cannot become the writer")
            engine.note_state("away", StorageUnavailable(f"cannot open the storage: {error}"))
        else:
            engine.activated({name: study_id for study_id, name in names.items()}, last_ids)
        self._tried.set()

    def _note_deposed(self) -> None:
        """Another process took the lock while this one was stopped or cut off. Its owner decides what follows; without
        one, it waits as standby."""
        if self._on_deposed is not None:
            self._closing.set()
            taken = self._engine.database.shown_url
            self._on_deposed(
                f"another lrtune process has taken {taken} over while this one was stopped or cut off; this one ends: "
                "start it again, and it waits as standby"
            )

    def _check_connection(self) -> None:
        """Notice a dead connection while nothing is written."""
        engine = self._engine
        try:
            with engine.committer.resting():
                engine.database.check_writer()
        except StorageUnavailable as error:
            engine.fail([], error)
