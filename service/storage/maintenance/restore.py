"""Putting a backup into an empty database of either kind."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, delete
from sqlalchemy.pool import NullPool

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.driver_errors import DRIVER_ERRORS, first_line
from lrtune.service.storage.database.read_only import open_sqlite, shown
from lrtune.service.storage.errors import SchemaMismatch, StorageError, WriterBusy
from lrtune.service.storage.maintenance import table_copy, upgrade
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.storage.schema import optuna_tables, tables
from lrtune.service.storage.schema.attributes import ID_ATTR


@dataclass(frozen=True)
class Restored:
    """What was restored."""

    studies: int
    trials: int
    rows: int
    upgraded_from: str | None
    """The revision of our tables in the backup, where it was not this installation's."""


def restore(file: Path, url: str, *, copied: table_copy.Copied | None = None) -> Restored:
    """Put the backup's content into an empty database: all of it but the ids of studies, in one
    transaction, or nothing; `copied` is told of rows on their way.

    Raises StorageError: the file is no backup, or of a newer schema, or the database has studies or a writer.
    """
    file = file.absolute()
    found = _look_at(file)
    check_can_open(url)
    database = Database(url)
    try:
        try:
            database.acquire()
        except WriterBusy:
            raise WriterBusy(f"a service writes {shown(url)}: stop it, or restore into another database") from None
        upgrade.upgrade(database)
        with (
            _at_head(file, found) as path,
            contextlib.closing(open_sqlite(path)) as saved,
            database.transaction() as connection,
        ):
            _refuse_content(connection, url)
            counted = table_copy.Counted(copied, table_copy.rows_in_sqlite(saved) if copied else None)
            rows = {name: _copy(saved, connection, name, counted) for name in table_copy.CONTENT}
            rows[optuna_tables.study_system_attrs.name] -= _forget_ids(connection)
            if connection.dialect.name == "postgresql":
                table_copy.set_sequences(connection)
    finally:
        database.close()
    upgraded_from = found.lrtune or "none" if found.lrtune != found.lrtune_head else None
    return Restored(rows["studies"], rows["trials"], sum(rows.values()), upgraded_from)


def _copy(saved: sqlite3.Connection, connection: Connection, name: str, counted: table_copy.Counted) -> int:
    shape = table_copy.shape_in_sqlite(saved, name)
    if shape is None:
        raise SchemaMismatch(f"the backup lacks the table {name}: it is damaged; restore another one")
    connection.exec_driver_sql(f'DELETE FROM "{name}"')  # What creating the tables noted.
    driver: Any = connection.connection.driver_connection
    rows = counted.passing(table_copy.read_sqlite(saved, shape))
    try:
        if connection.dialect.name == "postgresql":
            return table_copy.write_postgres(connection, shape, rows)
        return table_copy.write_sqlite(driver, shape, rows)
    except DRIVER_ERRORS as error:
        raise StorageError(f"the database refused rows of {name}: {first_line(error)}; nothing was restored") from error


def _forget_ids(connection: Connection) -> int:
    """What was saved may still be served: who tells studies apart by their ids is not to take one for the other. New
    ones are drawn when the studies are first read. Returns how many there were."""
    attrs = optuna_tables.study_system_attrs
    return connection.execute(delete(attrs).where(attrs.c.key == ID_ATTR)).rowcount


def _refuse_content(connection: Connection, url: str) -> None:
    for name, things in (("studies", "studies"), (tables.tokens.name, "tokens"), (tables.audit.name, "audit entries")):
        count = connection.exec_driver_sql(f'SELECT count(*) FROM "{name}"').scalar_one()
        if count:
            raise StorageError(
                f"{shown(url)} has {count} {things} already, and a restore would replace them: restore into a new "
                "database, named with --storage"
            )


def _look_at(file: Path) -> upgrade.Versions:
    """The versions of a backup. Raises StorageError where it is none, is damaged, or cannot be restored here."""
    if not file.is_file():
        raise StorageError(f"there is no file {file}")
    no_backup = f"{file} is not a backup of lrtune's (an SQLite file, as `lrtune db backup` writes)"
    try:
        with contextlib.closing(open_sqlite(file)) as saved:
            if table_copy.shape_in_sqlite(saved, "trials") is None:
                raise StorageError(no_backup)
            damage = saved.execute("PRAGMA quick_check(1)").fetchone()[0]
            if damage != "ok":
                raise StorageError(f"{file} is damaged ({damage}); restore another backup")
        with _connected(file) as connection:
            found = upgrade.versions(connection)
    except sqlite3.DatabaseError:
        raise StorageError(no_backup) from None
    if found.of_newer_lrtune:
        raise SchemaMismatch(f"{file} was saved by a newer lrtune (schema {found.lrtune}); upgrade this installation")
    if found.optuna != found.optuna_head:
        if found.optuna is not None and optuna_tables.is_older(found.optuna):
            raise SchemaMismatch(
                f"{file} is a database of an older Optuna ({found.optuna}): copy it, and take the copy over with "
                "`lrtune db adopt --storage COPY`"
            )
        raise SchemaMismatch(f"{file} has Optuna's schema {found.optuna}, unknown here; upgrade this installation")
    return found


@contextlib.contextmanager
def _connected(file: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@contextlib.contextmanager
def _at_head(file: Path, found: upgrade.Versions) -> Iterator[Path]:
    """The backup at this version's schema: itself, or a copy that is upgraded and then thrown away."""
    if found.lrtune == found.lrtune_head:
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="lrtune-restore-") as folder:
        copy = Path(folder) / "upgraded.db"
        shutil.copyfile(file, copy)
        with _connected(copy) as connection:
            upgrade.upgrade_ours(connection)
            connection.commit()
        yield copy
