"""The connection to an engine inside this process."""

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from lrtune.trainers.client.http.authorization import NO_TOKEN
from lrtune.trainers.client.http.connection import Connection
from lrtune.trainers.client.http.retry import Retry
from lrtune.trainers.client.local.transport import Application, LocalTransport
from lrtune.trainers.errors import EngineSilent, LrtuneError, ServiceUnreachable

LOCAL = "local"
_PREFIX = f"{LOCAL}:"
_SQLITE = "sqlite:"
_ADDRESS = "http://localhost"
"""What requests are written for; none of them leaves the process."""


class _Share(Protocol):
    @property
    def service(self) -> Application: ...
    @property
    def file(self) -> Path: ...
    def close(self) -> None: ...
    def close_soon(self) -> None: ...


def is_local(server: str | None) -> bool:
    """Whether that, else LRTUNE_SERVER, names a file to be used without a service: `local`, `local:FILE.db`,
    `sqlite:///FILE.db`."""
    named = server or os.environ.get("LRTUNE_SERVER") or ""
    return named == LOCAL or named.startswith((_PREFIX, _SQLITE))


class LocalConnection(Connection):
    """Requests to the engine of a file, which runs in this process from the first connection to the last `close`.

    Raises LrtuneError where the file cannot be used, ImportError where the extra `lrtune[service]` is not installed. It
    can neither be pickled nor be used in a forked child.
    """

    spools = False
    """An engine inside this process is never away for long, and what it has is gone with it."""

    def __init__(self, server: str | None, *, retry: Retry | None = None) -> None:
        self._share, broken, ended = _opened(_storage(server))
        self.server = f"{_PREFIX}{self._share.file}"
        self._address = _ADDRESS
        self._token = None
        self._authorization = NO_TOKEN
        file = str(self._share.file)
        self._begin(retry, LocalTransport(self._share.service, file, broken=broken, ended=ended))

    def __reduce__(self) -> tuple[Any, ...]:
        raise LrtuneError(
            f"a Client of {self.server} cannot be sent to another process, for its engine runs in this one: have "
            '`lrtune serve` serve the file, and use Client("http://HOST:PORT") in both'
        )

    def close(self) -> None:
        """Gives the engine back; the last to do so ends it."""
        super().close()
        self._share.close()

    def release(self) -> None:
        """The same soon, by another thread."""
        super().close()
        self._share.close_soon()

    def _unreachable(self, why: str) -> ServiceUnreachable:
        return EngineSilent(str(self._share.file), why)


def local_file(server: str | None) -> Path:
    """The file that `server`, else LRTUNE_SERVER, names. Raises what LocalConnection does; opens nothing."""
    storage = _storage(server)
    shared, _ = _engine()
    try:
        file: Path = shared.file_of(storage)
    except shared.CannotEmbed as error:
        raise LrtuneError(str(error)) from None
    return file


def _storage(server: str | None) -> str | None:
    """The path or URL that is named; None for the file that `lrtune serve` would serve."""
    named = server or os.environ.get("LRTUNE_SERVER") or ""
    storage = named.removeprefix(_PREFIX) if named != LOCAL else None
    if storage == "":
        raise LrtuneError('"local:" names no file: write "local", for lrtune.db in this folder, or "local:FILE.db"')
    return storage


def _opened(storage: str | None) -> tuple[_Share, type[Exception], type[Exception]]:
    shared, exchange = _engine()
    try:
        return shared.open_shared(storage), exchange.BrokenOff, shared.ServiceEnded
    except shared.CannotEmbed as error:
        raise LrtuneError(str(error)) from None


def _engine() -> tuple[ModuleType, ModuleType]:
    # By name: the client is below the service, and most who import it have no service installed. This is the only
    # place where it reaches up.
    try:
        return import_module("lrtune.service.embedded.shared"), import_module("lrtune.service.embedded.exchange")
    except ModuleNotFoundError as error:
        if str(error.name).startswith("lrtune"):
            raise
        raise ImportError(
            f"an engine inside this process needs the service's packages, and {error.name} is missing: "
            "pip install 'lrtune[service]'"
        ) from error
