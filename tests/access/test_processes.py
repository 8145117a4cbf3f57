"""Several processes on one database: what was revoked by one is refused by all within a second, and for good."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import psycopg
import pytest
from sqlalchemy import Connection, create_engine, make_url
from starlette.testclient import TestClient

from lrtune.service.access import tokens
from lrtune.service.access.errors import LastAdmin
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.storage.sql.reading.tokens import read_tokens, read_version
from lrtune.service.wire.access.bodies import NewToken
from lrtune.service.wire.access.secrets import new_secret
from tests.access.conftest import bearer, secure
from tests.api.conftest import serving
from tests.end_to_end.conftest import START_SECONDS, environ
from tests.faults.conftest import until
from tests.support.processes import Program, Programs

WITHIN_SECONDS = 1.0


@pytest.fixture
def programs(tmp_path: object) -> Iterator[Programs]:
    with Programs(tmp_path / "programs") as started:  # type: ignore[operator]
        yield started


class Process:
    """A service process; it may stand by."""

    def __init__(self, programs: Programs, url: str) -> None:
        command = [sys.executable, "-m", "lrtune.service.cli.main", "serve", "--port", "0"]
        self.program: Program = programs.start(command, environ(LRTUNE_STORAGE=url))
        said = self.program.wait_for_line(r"^lrtune serving on (http://127.0.0.1:\d+)$", START_SECONDS)
        self.client = httpx2.Client(base_url=said[1], timeout=60)

    def status(self, secret: str, path: str = "/v1/me") -> int:
        return self.client.get(path, headers=bearer(secret)).status_code


@contextmanager
def beside(url: str) -> Iterator[Connection]:
    """A transaction on a connection of its own, as a command beside a running service has it."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def seconds_until(what: Callable[[], bool]) -> float:
    began = time.monotonic()
    until(what, 5)
    return time.monotonic() - began


def test_a_standby_refuses_what_the_writer_revoked_and_goes_on_so_when_it_takes_over(
    programs: Programs, postgres_url: str
) -> None:
    writer, standby = (Process(programs, postgres_url) for _ in range(2))
    admin = writer.client.post("/v1/tokens", json={"role": "admin"}).json()
    until(lambda: standby.client.get("/v1/me").status_code == 401, 5)
    made = [
        writer.client.post("/v1/tokens", json={"role": "worker"}, headers=bearer(admin["secret"])).json()
        for _ in range(4)
    ]
    until(lambda: [standby.status(one["secret"]) for one in made] == [200] * 4)
    *gone, worker = made
    took = []
    for one in gone:
        assert writer.client.delete(f"/v1/tokens/{one['id']}", headers=bearer(admin["secret"])).status_code == 200
        assert writer.status(one["secret"]) == 401
        took.append(seconds_until(lambda secret=one["secret"]: standby.status(secret) == 401))  # type: ignore[misc]
    assert min(took) < WITHIN_SECONDS, "on a machine that has time for it"
    os.kill(writer.program.pid, signal.SIGKILL)
    until(lambda: standby.client.get("/readyz").status_code == 200, 30)
    statuses = [standby.status(one["secret"], "/v1/studies") for one in (admin, worker, *gone)]
    assert statuses == [200, 200, 401, 401, 401]
    assert standby.client.get("/v1/studies").status_code == 401


def test_what_is_written_beside_a_running_service_holds_there_within_a_second(
    programs: Programs, storage_url: str
) -> None:
    process = Process(programs, storage_url)
    took = []
    for _ in range(3):
        with beside(storage_url) as connection:
            token, secret = tokens.create(connection, NewToken(role="admin"), time.time())
        both = secret, new_secret()
        took.append(seconds_until(lambda both=both: [process.status(one) for one in both] == [200, 401]))  # type: ignore[misc]
        with beside(storage_url) as connection:
            tokens.revoke(connection, token.token_id, time.time(), force=True)
        took.append(seconds_until(lambda secret=secret: process.status(secret) == 401))  # type: ignore[misc]
    assert min(took[::2]) < WITHIN_SECONDS, "on a machine that has time for it"
    assert min(took[1::2]) < WITHIN_SECONDS, "on a machine that has time for it"


def test_two_commands_cannot_end_the_last_two_admins(migrated_url: str) -> None:
    with beside(migrated_url) as connection:
        pair = [tokens.create(connection, NewToken(role="admin"), time.time())[0] for _ in range(2)]
    together = threading.Barrier(2, timeout=20)

    def revoke(token_id: str) -> bool:
        engine = create_engine(migrated_url)
        try:
            with engine.connect() as connection:
                together.wait()
                with connection.begin():
                    tokens.revoke(connection, token_id, time.time())
                    threading.Event().wait(0.2)
        except LastAdmin:
            return False
        finally:
            engine.dispose()
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(revoke, [one.token_id for one in pair])) == [False, True]


def test_first_tokens_that_are_made_at_the_same_time_are_all_made(migrated_url: str) -> None:
    together = threading.Barrier(4, timeout=20)

    def create(_: int) -> str:
        engine = create_engine(migrated_url)
        try:
            with engine.connect() as connection:
                connection.rollback()
                together.wait()
                with connection.begin():
                    if engine.dialect.name == "sqlite":
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    made = tokens.create(connection, NewToken(role="admin"), time.time())[0]
                    threading.Event().wait(0.2)
        finally:
            engine.dispose()
        return made.token_id

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(create, range(4)))
    with beside(migrated_url) as connection:
        found = {one.token_id: one for one in read_tokens(connection)}
        assert found.keys() == set(made)
        assert read_version(connection) == 8, "two a token: for the look, and for the row"


@contextmanager
def away(url: str, admin_url: str) -> Iterator[None]:
    """Within the block the database takes no connections, and has none."""
    name = make_url(url).database

    def allow(connections: bool) -> None:
        with psycopg.connect(admin_url, autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}")  # type: ignore[arg-type]
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])

    allow(False)
    try:
        yield
    finally:
        allow(True)


def test_while_the_database_is_away_known_tokens_are_known_and_all_others_unknown(
    postgres_url: str, postgres_admin_url: str
) -> None:
    with serving(postgres_url) as client:
        secured = secure(client)
        worker = secured.make("worker")
        with away(postgres_url, postgres_admin_url):
            until(lambda: client.get("/readyz").status_code == 503)
            for _ in range(3):
                answer = client.post("/v1/studies", json={"name": "cifar-1"}, headers=secured.headers)
                assert (answer.status_code, answer.json()["type"]) == (503, "storage-unavailable")
                assert secured.status(worker["secret"]) == 200
                assert client.get("/v1/studies").status_code == 401
                assert secured.status(worker["secret"][:-1]) == 401
                threading.Event().wait(0.5)
        until(lambda: client.get("/readyz").status_code == 200)
        assert secured.status(worker["secret"]) == 200
        assert secured.make("viewer")["role"] == "viewer"


def test_a_service_that_starts_while_the_database_is_away_is_never_open(
    postgres_url: str, postgres_admin_url: str
) -> None:
    with serving(postgres_url) as client:
        secured = secure(client)
    with away(postgres_url, postgres_admin_url):
        started = TestClient(create_app(Settings(storage=postgres_url)), raise_server_exceptions=False)
        started.__enter__()
        for _ in range(3):
            for headers in ({}, secured.headers):
                for method, path in (("GET", "/v1/me"), ("GET", "/v1/studies"), ("POST", "/v1/tokens")):
                    answer = started.request(method, path, headers=headers)
                    assert (answer.status_code, answer.json()["type"]) == (503, "storage-unavailable")
                    assert int(answer.headers["Retry-After"]) >= 1
            assert started.get("/healthz").status_code == 200
            threading.Event().wait(0.5)
    try:
        until(lambda: started.get("/v1/me", headers=secured.headers).status_code == 200)
        assert started.get("/v1/me").status_code == 401
    finally:
        started.__exit__(None, None, None)


def test_a_row_that_cannot_be_read_opens_nothing_and_hinders_nobody(tmp_path: object) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    with serving(url) as client:
        secured = secure(client)
        broken, fine = secured.make("worker"), secured.make("worker")
        with beside(url) as connection:
            tokens.change_token(connection, broken["id"], limits='{"of another version": 1}')
            tokens.change_token(connection, fine["id"], revoked_at=1.0)
        until(lambda: secured.status(fine["secret"]) == 401, 5)
        assert secured.status(broken["secret"]) == 401
        assert secured.status(secured.admin["secret"]) == 200
