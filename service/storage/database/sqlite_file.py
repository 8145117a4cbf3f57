"""The file of a SQLite database: its lock, and whether it still is the file that was opened.

SQLite goes on writing a file that was replaced, removed or mounted over, and finds the log of its changes by name: a
second name, a link or a mount, has another log (https://www.sqlite.org/howtocorrupt.html). So the lock lies beside the
real file, a file of two names is refused, and every commit looks whether all is as it was when this process became the
writer. Where the lock file was removed and another process took a new one, that look is what stops us: it comes within
the transaction, when nobody else can write, and a new writer begins with a write of its own. So it sees all that we
committed, and we commit nothing more.
"""

import contextlib
import os
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.storage.database.writer_lock import LockFile
from lrtune.service.storage.errors import StorageUnavailable, StorageUnsuitable

_BESIDE = ("-wal", "-shm")
_MOUNTS = Path("/proc/self/mountinfo")

_Identity = tuple[int, int]
"""A file's device and number there."""


class FileMoved(StorageUnavailable):
    """The file, its log or its lock is not the one that this process opened; what it commits could be lost."""

    def __init__(self, detail: str, *, log_is_ours: bool) -> None:
        super().__init__(detail)
        self.log_is_ours = log_is_ours
        """Whether the log that we have open is to be carried over into the file that we have open."""


class SqliteFile:
    """One database's file, by the name it was given and by its real one."""

    def __init__(self, named: Path, real: Path) -> None:
        self._named = named
        self._real = real
        self._lock = LockFile(real)
        self._file: _Identity | None = None
        self._lock_file: _Identity | None = None
        self._beside: dict[str, _Identity] = {}

    @property
    def held(self) -> bool:
        """Whether this process holds the lock."""
        return self._lock.held

    def check_suits(self) -> None:
        """Raise StorageUnsuitable where the file has a second name, of its own or by a mount; StorageUnavailable where
        its name leads elsewhere by now. Opens nothing."""
        if Path(os.path.realpath(self._named)) != self._real:
            raise StorageUnavailable(
                f"{self._named} leads to another file than {self._real} now: restart the service to serve that"
            )
        if _is_mounted_alone(self._real):
            raise StorageUnsuitable(
                f"the database's file {self._real} is mounted without its folder, and its log, which lies beside it, "
                "would not be kept: mount the folder"
            )
        if self._real.exists():
            self._refuse_names(self._real.stat().st_nlink)

    def _refuse_names(self, count: int) -> None:
        if count > 1:
            raise StorageUnsuitable(
                f"the database's file {self._named} has {count} names (hard links), each with a log of its own: remove "
                "all names but one"
            )

    def take(self) -> None:
        """Take the lock, where it is not held. Raises WriterBusy, StorageUnavailable, StorageUnsuitable."""
        self.check_suits()
        if not self._lock.held:
            self._lock.take()
            self._lock_file = _identity(self._lock.path)
        self._beside = {}
        try:
            self.check()
        except StorageUnavailable:
            self.give_up()
            raise

    def opened(self) -> None:
        """The file has been opened: from now on it has to be this one."""
        self._file = _identity(self._real)
        self.check()

    def check(self) -> None:
        """Raises FileMoved where the file, its log or the lock is not what it was, StorageUnsuitable for a second name.

        Costs four looks at the file system, some 20 µs.
        """
        self.check_place()
        self._check_lock()
        self._check_beside()

    def check_place(self) -> None:
        """Raises FileMoved where the file is not the one that was opened, StorageUnsuitable for a second name."""
        try:
            found = os.stat(self._named)
        except OSError:
            if self._file is not None:
                raise FileMoved(
                    f"the database's file {self._named} is gone, removed or unmounted: put it back", log_is_ours=True
                ) from None
        else:
            if self._file not in (None, (found.st_dev, found.st_ino)):
                raise FileMoved(
                    f"another file has taken the place of the database's, {self._named}: put the first one back, or "
                    "restart the service to serve the other",
                    log_is_ours=True,
                )
            self._refuse_names(found.st_nlink)

    def give_up(self) -> None:
        """Release the lock. Nothing where it is not held."""
        self._lock.give_up()
        self._lock_file = None

    def _check_lock(self) -> None:
        if self._lock_file is not None and _identity(self._lock.path) != self._lock_file:
            raise FileMoved(
                f"the lock file {self._lock.path} was removed or replaced: leave it where it is; this process takes "
                "the lock again where no other has it",
                log_is_ours=False,
            )

    def _check_beside(self) -> None:
        for ending in _BESIDE:
            path = f"{self._real}{ending}"
            found = _identity(path)
            if found == self._beside.get(ending):
                continue
            if ending in self._beside:
                raise FileMoved(
                    f"{path}, which belongs to the database, was removed or replaced: leave it where it is",
                    log_is_ours=found is None,
                )
            if found is not None:
                self._beside[ending] = found


def carry_over_all(connection: Connection) -> None:
    """Carry the log that a connection has open over into the file that it has open, and empty it, as far as nobody
    reads there. Never raises."""
    with contextlib.suppress(SQLAlchemyError):
        connection.exec_driver_sql("PRAGMA busy_timeout=0")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _identity(path: str | Path) -> _Identity | None:
    """None where there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_mounted_alone(file: Path) -> bool:
    """Whether this very file is a mount point; False where the system does not tell."""
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return False
    points = (line.split(" ")[4] for line in lines if line.count(" ") > 4)
    return str(file) in {point.replace("\\040", " ").replace("\\134", "\\") for point in points}
