"""One writer at a time: a deposed one cannot commit and is told, a silent one is deposed, a healthy one never is."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import psycopg
import pytest
from sqlalchemy import make_url

from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine
from lrtune.service.storage.engine.pulse import Pulse
from lrtune.service.storage.errors import StorageUnavailable, WriterBusy
from lrtune.service.storage.maintenance.upgrade import upgrade
from lrtune.service.storage.sql.writing.statements import Op
from tests.end_to_end.conftest import Service
from tests.faults.conftest import until
from tests.support.clock import Clock
from tests.support.processes import Programs

HOLDER = (
    "select pid from pg_locks where locktype = 'advisory' and granted "
    "and database = (select oid from pg_database where datname = current_database())"
)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def database(opened: ExitStack, url: str, **settings: float) -> Database:
    made = Database(url, **settings)  # type: ignore[arg-type]
    opened.callback(made.close)
    return made


def end_holder(url: str) -> None:
    """End the connection that holds the writer lock, as a network or an administrator may."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(f"select pg_terminate_backend(pid, 2000) from ({HOLDER}) held")  # type: ignore[arg-type]


def test_a_writer_whose_lock_another_process_took_cannot_commit_and_learns_of_it(
    postgres_url: str, opened: ExitStack
) -> None:
    told: list[str] = []
    engine = Engine(Database(postgres_url), on_deposed=told.append)
    opened.callback(engine.close)
    engine.start()
    engine.wait_started()
    successor = database(opened, postgres_url)
    with engine.database._using:  # The writer stands still, as after SIGSTOP.
        end_holder(postgres_url)
        successor.acquire()
    until(lambda: bool(told))
    assert "taken" in told[0]
    assert "start it again" in told[0]
    with pytest.raises(StorageUnavailable):
        engine.check_active()
    with pytest.raises(StorageUnavailable):
        engine.database.write([(Op.INSERT_STUDY, {"study_id": 1, "study_name": "too late"})])
    until(lambda: engine.state == "closed")
    assert len(told) == 1
    successor.check_writer()


def test_a_writer_whose_connection_was_cut_resumes_by_itself_where_nobody_took_over(
    postgres_url: str, opened: ExitStack
) -> None:
    told: list[str] = []
    engine = Engine(Database(postgres_url), on_deposed=told.append)
    opened.callback(engine.close)
    engine.start()
    engine.wait_started()
    end_holder(postgres_url)
    until(lambda: engine.activations == 2 and engine.state == "active")
    assert told == []


def test_a_standby_deposes_a_writer_that_has_fallen_silent(
    postgres_url: str, opened: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    silent = database(opened, postgres_url)
    silent.acquire()
    standby = database(opened, postgres_url, depose_after_seconds=1.0)
    with pytest.raises(WriterBusy):
        standby.acquire()
    threading.Event().wait(1.1)
    standby.acquire()
    assert re.search(r"has said nothing for \d+ s", caplog.text)
    with pytest.raises(StorageUnavailable):
        silent.write([(Op.INSERT_STUDY, {"study_id": 1, "study_name": "too late"})])
    with pytest.raises(WriterBusy):
        silent.acquire()


def test_a_writer_that_says_something_now_and_then_is_not_deposed(postgres_url: str, opened: ExitStack) -> None:
    writer = database(opened, postgres_url)
    writer.acquire()
    standby = database(opened, postgres_url, depose_after_seconds=1.0)
    for _ in range(8):
        writer.check_writer()
        threading.Event().wait(0.2)
        with pytest.raises(WriterBusy):
            standby.acquire()
    writer.check_writer()


def test_a_writer_whose_event_loop_hangs_is_deposed_though_its_threads_live(
    postgres_url: str, opened: ExitStack
) -> None:
    told: list[str] = []
    turns = Clock()
    engine = Engine(Database(postgres_url), pulse=Pulse(turns), on_deposed=told.append)
    opened.callback(engine.close)
    engine.pulse.beat()
    engine.start()
    engine.wait_started()
    standby = database(opened, postgres_url, depose_after_seconds=4.0)

    def takes_over() -> bool:
        try:
            standby.acquire()
        except WriterBusy:
            return False
        return True

    for _ in range(24):  # 6 s: it says something every 2 s while the loop turns.
        engine.pulse.beat()
        assert not takes_over()
        threading.Event().wait(0.25)
    turns.advance(3600)
    until(takes_over)
    assert told == []
    engine.pulse.beat()  # The loop turns again: what it was is noticed.
    until(lambda: bool(told))
    with pytest.raises(StorageUnavailable):
        engine.check_active()


def test_a_writer_takes_the_lock_back_from_its_own_connection_that_it_has_lost(
    postgres_url: str, opened: ExitStack
) -> None:
    writer = database(opened, postgres_url)
    writer.acquire()
    lost, writer._writer = writer._writer, None  # As where the network fails and the server has not noticed yet.
    assert lost is not None
    opened.callback(lost.invalidate)
    writer.acquire()
    writer.check_writer()


def test_on_sqlite_the_lock_outlives_the_connection(opened: ExitStack, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    writer, standby = database(opened, url), database(opened, url)
    writer.acquire()
    upgrade(writer)
    writer.disconnect()
    with pytest.raises(WriterBusy):
        standby.acquire()
    writer.acquire()
    writer.probe()
    writer.release()
    standby.acquire()


def test_a_deposed_service_exits_with_a_clear_line_and_its_successor_goes_on(postgres_url: str, tmp_path: Path) -> None:
    with Programs(tmp_path / "programs") as programs:
        first = Service(programs, postgres_url)
        second = Service(programs, postgres_url)
        says = httpx2.get(f"{second.address}/readyz")
        assert says.status_code == 503
        assert says.headers["Retry-After"] == "1"
        assert (says.json()["type"], says.json()["writer"]) == ("standby", "standby")
        created = httpx2.post(f"{first.address}/v1/studies", json={"name": "kept"})
        assert created.status_code == 201
        os.kill(first.program.pid, signal.SIGSTOP)
        try:
            end_holder(postgres_url)
            until(lambda: httpx2.get(f"{second.address}/readyz").status_code == 200)
            assert httpx2.get(f"{second.address}/v1/studies/kept").status_code == 200
        finally:
            os.kill(first.program.pid, signal.SIGCONT)
        assert first.program.wait(15) == 75, first.program
        assert first.program.stderr.splitlines()[-1].startswith("lrtune: deposed: another lrtune process has taken")
        assert httpx2.get(f"{second.address}/readyz").status_code == 200
