"""The database refuses writes for a while: clients get 503 with Retry-After, and service resumes by itself."""

import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from starlette.testclient import TestClient

import lrtune.service.storage.database.database as database_module
from lrtune.service.storage.database.driver_errors import RowsRefused
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.sql.writing.statements import Op
from tests.api.conftest import serving
from tests.faults.conftest import until


def creates(client: TestClient, name: str) -> bool:
    return client.post("/v1/studies", json={"name": name, "if_exists": "load"}).status_code in (200, 201)


def assert_each_study_has_its_entry(client: TestClient) -> None:
    """And no study that was refused has one."""
    names = [study["name"] for study in client.get("/v1/studies").json()["items"]]
    entries = client.get("/v1/audit", params={"action": "study.create"}).json()["items"]
    assert sorted(entry["subject"] for entry in entries) == names


def assert_away(client: TestClient, words: str) -> None:
    until(lambda: words in client.get("/readyz").json().get("detail", ""))
    answer = client.post("/v1/studies", json={"name": "refused"})
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["type"] == "storage-unavailable"
    assert words in answer.json()["detail"]
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["writer"] == "away"
    assert client.get("/healthz").status_code == 200


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Within the block nobody may open the file to write, root included. Skips where that cannot be done."""
    if os.geteuid() != 0:
        path.chmod(0o444)
        yield
        path.chmod(0o644)
        return
    try:
        done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("root writes any file, and there is no chattr here")
    if done.returncode != 0:
        pytest.skip(f"root writes any file, and this file system has no immutable ones: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


def test_a_read_only_file_is_503_until_it_may_be_written_again(tmp_path: Path) -> None:
    path = tmp_path / "lrtune.db"
    open_engine(f"sqlite:///{path}").close()
    with serving_read_only(path) as client:
        until(lambda: creates(client, "s"))
        assert client.get("/readyz").status_code == 200
        assert_each_study_has_its_entry(client)


@contextmanager
def serving_read_only(path: Path) -> Iterator[TestClient]:
    with read_only(path):
        served = serving(f"sqlite:///{path}")
        client = served.__enter__()
        try:
            assert_away(client, "readonly")
        except BaseException:
            served.__exit__(None, None, None)
            raise
    try:
        yield client
    finally:
        served.__exit__(None, None, None)


def test_a_postgresql_that_takes_no_writes_is_503_until_it_does_again(
    postgres_url: str, postgres_admin_url: str
) -> None:
    name = make_url(postgres_url).database
    with serving(postgres_url) as client, psycopg.connect(postgres_admin_url, autocommit=True) as admin:

        def set_read_only(value: str) -> None:
            admin.execute(f"alter database {name} set default_transaction_read_only = {value}")  # type: ignore[arg-type]
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])

        assert creates(client, "before")
        set_read_only("on")
        until(lambda: not creates(client, "during"))
        until(lambda: client.get("/readyz").status_code == 503)
        assert_away(client, "read-only")
        set_read_only("off")
        until(lambda: creates(client, "after"))
        assert client.get("/v1/studies/before").status_code == 200
        assert_each_study_has_its_entry(client)


@contextmanager
def write_lock(path: Path) -> Iterator[Callable[[], None]]:
    """A neighbour within a transaction; what is yielded ends that."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)) as neighbour:
        neighbour.execute("BEGIN IMMEDIATE")

        def let_go() -> None:
            if neighbour.in_transaction:
                neighbour.execute("ROLLBACK")

        yield let_go
        let_go()


def test_a_neighbour_that_holds_sqlites_write_lock_for_a_while_is_waited_for_and_nothing_else_waits(
    tmp_path: Path,
) -> None:
    path = tmp_path / "lrtune.db"
    with serving(f"sqlite:///{path}") as client:
        with write_lock(path) as let_go:
            timer = threading.Timer(1.5, let_go)
            answers: list[bool] = []
            caller = threading.Thread(target=lambda: answers.append(creates(client, "s")))
            timer.start()
            caller.start()
            slowest = 0.0
            while timer.is_alive():
                begun = time.monotonic()
                assert client.get("/healthz").status_code == 200
                slowest = max(slowest, time.monotonic() - begun)
            caller.join(20)
        assert answers == [True]
        assert slowest < 1.0, "the event loop does not wait for the lock"


def test_a_neighbour_that_holds_sqlites_write_lock_for_too_long_is_503_until_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_SECONDS", 0.5)
    path = tmp_path / "lrtune.db"
    with serving(f"sqlite:///{path}") as client:
        assert creates(client, "before")
        with write_lock(path):
            until(lambda: not creates(client, "during"))
            assert_away(client, "locked")
        until(lambda: creates(client, "after"))
        assert client.get("/v1/studies/before").status_code == 200


def test_a_row_that_the_driver_cannot_even_send_fails_alone(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/lrtune.db")
    try:
        with pytest.raises(RowsRefused):
            engine.database.write([(Op.INSERT_STUDY, {"study_id": 2**70, "study_name": "too large"})])
        engine.database.write([(Op.INSERT_STUDY, {"study_id": 1, "study_name": "fits"})])
    finally:
        engine.close()
