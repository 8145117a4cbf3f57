"""A database that has its tables already: to make them anew costs ten times what a test of something else does."""

import functools
import tempfile
from pathlib import Path

from sqlalchemy import make_url

from lrtune.service.storage.engine.engine import open_engine


@functools.cache
def empty_sqlite() -> bytes:
    """A SQLite file as the engine makes it, made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lrtune.db"
        open_engine(f"sqlite:///{path}").close()
        assert not Path(f"{path}-wal").exists(), "what is in a log beside it would be left out"
        return path.read_bytes()


def make(url: str) -> None:
    """Where `url` names a SQLite file that is not there yet, in a folder that is: put one there."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return
    path = Path(parsed.database)
    if path.parent.is_dir() and not path.exists():
        path.write_bytes(empty_sqlite())
