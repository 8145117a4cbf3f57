"""What all tests share: a real PostgreSQL, started once a session, with a fresh database for each test.

A database that has its tables already is a copy of one that the engine made, once a session: that costs a fraction of
making them anew. Tests of making, upgrading or taking over tables begin with an empty one.
"""

import os

# Before numpy and torch are imported, here and by what tests start: matrices are small, and threads that wait for each
# other cost three times as much as one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings
from sqlalchemy import make_url

from lrtune.service.storage.engine.engine import open_engine
from tests.support import migrated
from tests.support.filled import fill
from tests.support.postgres import postgres_server

os.environ.setdefault("LRTUNE_ALLOWED_HOSTS", "testserver")  # As starlette's TestClient calls what it tests.

settings.register_profile("lrtune", deadline=None)  # How long an example takes is the machine's affair.
settings.load_profile("lrtune")

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(autouse=True)
def _modules_are_looked_for_where_they_were() -> Iterator[None]:
    """A task that is loaded puts its folder in front of `sys.path`; a later test, or a process that it starts, would
    import from there what only happens to have the name."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(autouse=True)
def _kept_for_later_in_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a trial could not tell its service, in this process and in those that a test starts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{uuid.uuid4().hex}"))


@pytest.fixture(scope="session")
def postgres_admin_url() -> Iterator[str]:
    with postgres_server() as server:
        yield server.get_uri()


@contextmanager
def new_postgres(admin_url: str, template: str | None = None) -> Iterator[str]:
    """A database of its own, gone at the end of the block; a copy of `template`, which nobody may be connected to."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}{f' TEMPLATE {template}' if template else ''}")  # type: ignore[arg-type]
        try:
            url = make_url(admin_url).set(drivername="postgresql+psycopg", database=name)
            yield url.render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def postgres_url(postgres_admin_url: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    with new_postgres(postgres_admin_url) as url:
        yield url


@pytest.fixture(params=KINDS)
def storage_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/lrtune.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


# Copies


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "lrtune.db"
    migrated.make(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_admin_url: str) -> Iterator[str]:
    with new_postgres(postgres_admin_url) as url:
        open_engine(url).close()
        yield url


@pytest.fixture(scope="session")
def filled_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "lrtune.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def filled_postgres(postgres_admin_url: str) -> Iterator[str]:
    with new_postgres(postgres_admin_url) as url:
        fill(url)
        yield url


def _copy_file(original: Path, folder: Path) -> str:
    assert not Path(f"{original}-wal").exists(), "what is in a log beside it would be left out"
    shutil.copyfile(original, folder / "lrtune.db")
    return f"sqlite:///{folder}/lrtune.db"


@pytest.fixture
def filled_sqlite_url(filled_sqlite: Path, tmp_path: Path) -> str:
    """A SQLite database, lrtune.db in `tmp_path`, with what `tests.support.filled.fill` puts into it."""
    return _copy_file(filled_sqlite, tmp_path)


@pytest.fixture
def filled_postgres_url(filled_postgres: str, postgres_admin_url: str) -> Iterator[str]:
    """The same on PostgreSQL."""
    with new_postgres(postgres_admin_url, make_url(filled_postgres).database) as url:
        yield url


@pytest.fixture(params=KINDS)
def filled_url(request: pytest.FixtureRequest) -> str:
    """The same on each kind in turn."""
    url: str = request.getfixturevalue("filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url")
    return url


@pytest.fixture
def migrated_postgres_url(migrated_postgres: str, postgres_admin_url: str) -> Iterator[str]:
    """A PostgreSQL database with its tables and nothing in them."""
    with new_postgres(postgres_admin_url, make_url(migrated_postgres).database) as url:
        yield url


@pytest.fixture(params=KINDS)
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind in turn, with its tables and nothing in them."""
    if request.param == "sqlite":
        return _copy_file(request.getfixturevalue("migrated_sqlite"), tmp_path)
    url: str = request.getfixturevalue("migrated_postgres_url")
    return url
