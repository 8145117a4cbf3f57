"""Backups of a database in use, as one SQLite file whatever the database is.

The file is a whole lrtune database: `lrtune db restore` puts it into an empty one of either kind, and `lrtune serve`
works on (a copy of) it as it is.
"""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from lrtune.service.storage.database.read_only import open_sqlite, read_only, shown, sqlite_path
from lrtune.service.storage.errors import SchemaMismatch, StorageError, StorageUnavailable
from lrtune.service.storage.maintenance import table_copy, upgrade
from lrtune.service.storage.schema import optuna_tables

ENDING = ".backup"
"""How the names of backups end, where somebody looks for them."""


@dataclass(frozen=True)
class Saved:
    """What a backup holds."""

    file: Path
    size_bytes: int
    studies: int
    trials: int


@dataclass(frozen=True)
class Backup:
    """A backup that lies in a folder."""

    at: float
    """When it was complete, in seconds since the epoch."""
    size_bytes: int


def latest_backup(folder: Path) -> Backup | None:
    """The latest of the files `*.backup` of a folder; None where there is none. Those that are being written have other
    names. Raises OSError where the folder cannot be read."""
    found = None
    with os.scandir(folder) as files:
        for file in files:
            if file.name.endswith(ENDING) and not file.name.startswith(".") and file.is_file():
                stat = file.stat()
                if found is None or stat.st_mtime > found.at:
                    found = Backup(stat.st_mtime, stat.st_size)
    return found


def backup(url: str, file: Path, *, force: bool = False, copied: table_copy.Copied | None = None) -> Saved:
    """Save one moment of the database, which a service may be writing, to `file`; complete or not at all.

    Raises StorageError; `force` replaces a file that exists. `copied` is told of rows on their way from PostgreSQL;
    SQLite copies pages, all in one step.
    """
    file = Path(os.path.realpath(file))
    source = sqlite_path(url)
    _refuse_target(file, source, force=force)
    with _partial(file) as partial:
        if source is not None:
            _save_sqlite(source, partial)
        else:
            _save_postgres(url, partial, table_copy.Counted(copied, None))
        saved = _look_at(partial, url)
        _sync(partial)
        if file.exists() and not force:  # Made while we were saving.
            raise StorageError(f"{file} exists; take another name, or replace it with --force")
        os.replace(partial, file)
        _sync(file.parent)
    return Saved(file, file.stat().st_size, *saved)


def _refuse_target(file: Path, source: Path | None, *, force: bool) -> None:
    if not file.parent.is_dir():
        raise StorageError(f"the folder {file.parent} does not exist: create it, or name another file")
    if file.is_dir():
        raise StorageError(f"{file} is a folder; name a file in it")
    if not file.exists():
        return
    if not file.is_file():
        raise StorageError(f"{file} is a pipe or a device; name a file")
    if source is not None and source.exists() and file.samefile(source):
        raise StorageError(f"{file} is the database itself; name another file for its backup")
    if any(Path(f"{file}{ending}").exists() for ending in ("-wal", "-journal", ".lock")):
        raise StorageError(f"{file} is a database in use, not a backup; name another file")
    if not force:
        raise StorageError(f"{file} exists; take another name, or replace it with --force")


@contextlib.contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """A file beside `file` to write to, which is gone in the end unless it was renamed."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
    finally:
        for ending in ("", "-journal", "-wal", "-shm"):
            Path(f"{partial}{ending}").unlink(missing_ok=True)


def _save_sqlite(source: Path, partial: Path) -> None:
    with contextlib.closing(open_sqlite(source)) as live, contextlib.closing(sqlite3.connect(partial)) as saved:
        # All pages in one step: one read transaction, which writers do not disturb and which does not disturb them.
        live.backup(saved, pages=-1)
        saved.execute("PRAGMA journal_mode = DELETE")


def _save_postgres(url: str, partial: Path, counted: table_copy.Counted) -> None:
    with read_only(url) as connection:
        found = upgrade.versions(connection)
        if found.of_newer_lrtune or (found.optuna is not None and found.optuna != found.optuna_head):
            raise SchemaMismatch(
                f"the schema of {shown(url)} is not this installation's ({found.optuna}, {found.lrtune}): save it "
                "with pg_dump, or with the lrtune or Optuna that wrote it"
            )
        if found.optuna is None:
            raise SchemaMismatch(f"{shown(url)} holds no studies of lrtune or Optuna; there is nothing to save")
        make_empty(partial, found.lrtune)
        with contextlib.closing(sqlite3.connect(partial)) as saved:
            saved.execute("PRAGMA synchronous = OFF")  # Synced once, in the end.
            for name in (*table_copy.CONTENT, *table_copy.VERSION_TABLES):
                shape = table_copy.shape_in_sqlite(saved, name)
                if shape is not None:
                    saved.execute(f'DELETE FROM "{name}"')
                    rows = counted.passing(table_copy.read_postgres(connection, shape))
                    table_copy.write_sqlite(saved, shape, rows)
            saved.commit()


def make_empty(file: Path, revision: str | None) -> None:
    """Optuna's tables in a SQLite file, and ours at a revision; None for none of ours."""
    url = f"sqlite:///{file}"
    optuna_tables.create(url)
    if revision is not None:
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            upgrade.upgrade_ours(connection, revision)
            connection.commit()


def _look_at(partial: Path, url: str) -> tuple[int, int]:
    """How many studies and trials were saved; raises where the file is not sound."""
    with contextlib.closing(sqlite3.connect(partial)) as saved:
        found = saved.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StorageUnavailable(f"{shown(url)} is damaged ({found}); see `lrtune db check`")
        if table_copy.shape_in_sqlite(saved, "trials") is None:
            raise SchemaMismatch(f"{shown(url)} holds no studies of lrtune or Optuna; there is nothing to save")
        studies, trials = (
            saved.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("studies", "trials")
        )
        return studies, trials


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
