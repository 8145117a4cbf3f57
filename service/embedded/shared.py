"""One service a file and process, for all who open it: the last to close it ends it."""

import atexit
import logging
import os
import threading
from pathlib import Path

from lrtune.service.embedded.errors import CannotEmbed, ServiceEnded
from lrtune.service.embedded.service import EmbeddedService
from lrtune.service.settings import PREFIX, Settings
from lrtune.service.storage.database.connections import MEMORY, MUST_OUTLAST, parse_url, real_path
from lrtune.service.storage.errors import StorageUrlInvalid

__all__ = ["CannotEmbed", "ServiceEnded", "Share", "file_of", "open_shared"]

_STORAGE = f"{PREFIX}STORAGE"

_log = logging.getLogger(__name__)


class Share:
    """The right to use the service of a file, until `close`."""

    def __init__(self, service: EmbeddedService, file: Path) -> None:
        self.service = service
        self.file = file
        self._pid = os.getpid()
        self._closed = False

    def close(self) -> None:
        """Give it back. Nothing the second time, and nothing in a forked child, where the service does not run."""
        with _lock:
            if self._closed or os.getpid() != self._pid:
                return
            self._closed = True
            if _services.get(self.file) is not self.service:  # The interpreter ends, and all were closed.
                return
            uses = _uses[self.file] = _uses[self.file] - 1
            if uses > 0:
                return
            del _uses[self.file], _services[self.file]
            self.service.close()

    def close_soon(self) -> None:
        """The same by another thread, without a wait and without a lock: whoever held this was garbage, and that is
        collected in any thread, those of engines among them, whatever locks it holds."""
        self.service.call_soon(threading.Thread(target=self.close, name="lrtune-embedded-end").start)


_lock = threading.RLock()
"""Held while a service starts or ends: who opens the same file meanwhile waits for that. Reentrant, for a signal may
end who opens one in a handler that closes others."""
_services: dict[Path, EmbeddedService] = {}
_uses: dict[Path, int] = {}
_of_parents: list[EmbeddedService] = []
"""Kept in a forked child, so that no connection of the parent's is closed there."""


def open_shared(storage: str | None = None) -> Share:
    """The service of a SQLite file, by its path or `sqlite:///` URL; else of the file that `lrtune serve` would serve.

    Where the file was deleted or replaced since it was opened, its service ends, those who use it are told so, and
    what is there now is opened. Raises CannotEmbed.
    """
    file = file_of(storage)
    with _lock:
        _end_without_file(file)
        _uses[file] = _uses.get(file, 0) + 1
        try:
            service = _services.get(file) or EmbeddedService(file)
        except BaseException:
            del _uses[file]
            raise
        _services[file] = service
        return Share(service, file)


def _end_without_file(file: Path) -> None:
    service = _services.get(file)
    if service is not None and not service.has_its_file:
        del _services[file], _uses[file]
        service.close_without_file()


def file_of(storage: str | None) -> Path:
    """Where that file really lies. Raises CannotEmbed for what is no SQLite file."""
    if storage is None:
        named, url = _STORAGE, os.environ.get(_STORAGE) or str(Settings.model_fields["storage"].default)
    elif "://" in storage:
        named, url = "the storage URL", storage
    elif storage == MEMORY:
        raise CannotEmbed(MUST_OUTLAST)
    else:
        return Path(os.path.realpath(Path(storage).expanduser()))
    try:
        parsed = parse_url(url)
    except StorageUrlInvalid as error:
        raise CannotEmbed(str(error)) from error
    if parsed.get_backend_name() != "sqlite":
        raise CannotEmbed(
            f"{named} names no SQLite file, and only that can be used without a service: write local:FILE.db, or run "
            '`lrtune serve` and use Client("http://HOST:PORT")'
        )
    return real_path(parsed)


def _close_all() -> None:
    """The last resort, for clients that nobody closed."""
    with _lock:
        services = list(_services.values())
        _services.clear()
    for service in services:
        try:
            service.close_at_exit()
        except Exception:
            _log.exception("a service inside this process could not be closed")


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    _of_parents.extend(_services.values())
    _services.clear()
    _uses.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
