"""Batches that the event loop sends to PostgreSQL: what waits, what is refused, what is lost."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import psycopg
import pytest
from optuna.trial import TrialState
from sqlalchemy import make_url

from lrtune.service.storage.commit.changes import Change
from lrtune.service.storage.database import postgres_transaction
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import NotStorable, StorageUnavailable
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.sql.writing.statements import Row
from tests.support.engines import add_trial, new_study


@pytest.fixture
def engine(migrated_postgres_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def neighbour(migrated_postgres_url: str) -> Iterator[psycopg.Connection]:
    """Another connection to the same database, each statement its own transaction unless it says BEGIN."""
    plain = make_url(migrated_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg.connect(plain, autocommit=True)) as connection:
        yield connection


def set_attr(engine: Engine, study: StudyMirror, value: object) -> Change:
    with engine.change(study) as change:
        change.set_study_attr("note", value, system=False)
    return change


def in_loop(engine: Engine, scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario in an event loop that commits."""

    async def attached() -> None:
        engine.committer.attach(asyncio.get_running_loop())
        try:
            await asyncio.wait_for(scenario(), 30)
        finally:
            engine.committer.detach()

    asyncio.run(attached())


def numbers(neighbour: psycopg.Connection) -> list[int]:
    return [row[0] for row in neighbour.execute("SELECT number FROM trials ORDER BY trial_id").fetchall()]


def note(neighbour: psycopg.Connection) -> str | None:
    row = neighbour.execute("SELECT value_json FROM study_user_attributes").fetchone()
    return None if row is None else str(row[0])


def test_what_forms_while_a_batch_is_away_is_the_next_batch(engine: Engine, neighbour: psycopg.Connection) -> None:
    study, batches = new_study(engine), []
    engine.committer.on_batch.append(lambda changes, _seconds: batches.append(changes))

    async def scenario() -> None:
        waiting = []
        for _ in range(40):
            waiting.append(asyncio.create_task(add_trial(engine, study).on_disk()))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    in_loop(engine, scenario)
    assert sum(batches) == 40
    assert len(batches) < 40, "they shared transactions"
    assert numbers(neighbour) == list(range(40))


def test_the_loop_goes_on_while_a_batch_waits_for_a_lock(engine: Engine, neighbour: psycopg.Connection) -> None:
    study = new_study(engine)
    set_attr(engine, study, 1).wait()

    async def scenario() -> None:
        neighbour.execute("BEGIN")
        neighbour.execute("SELECT * FROM study_user_attributes FOR UPDATE")
        change = set_attr(engine, study, 2)
        waiting = asyncio.create_task(change.on_disk())
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert not waiting.done()
        neighbour.execute("COMMIT")
        await waiting

    in_loop(engine, scenario)
    assert note(neighbour) == "2"


def test_a_row_that_the_database_refuses_fails_alone(engine: Engine, neighbour: psycopg.Connection) -> None:
    good, bad = new_study(engine, "good"), new_study(engine, "bad")
    taken = 0

    async def scenario() -> None:
        nonlocal taken
        await add_trial(engine, good).on_disk()
        taken = engine.new_trial_id() + 3
        neighbour.execute("INSERT INTO trials (trial_id, number, study_id, state) VALUES (%s, 0, 1, 'FAIL')", [taken])
        first = add_trial(engine, good)
        with engine.change(bad) as second:
            second.add_trial(TrialMirror(taken, 0, TrialState.RUNNING))
        results = await asyncio.gather(first.on_disk(), second.on_disk(), return_exceptions=True)
        assert results[0] is None or isinstance(results[0], StorageUnavailable)
        assert isinstance(results[1], StorageUnavailable)

    in_loop(engine, scenario)
    assert engine.state == "active", "the connection and the lock are still ours"
    assert neighbour.execute("SELECT count(*) FROM trials WHERE study_id = 2").fetchone() == (0,)


def test_text_that_postgresql_cannot_hold_fails_alone(engine: Engine, neighbour: psycopg.Connection) -> None:
    good, bad = new_study(engine, "good"), new_study(engine, "bad")

    async def scenario() -> None:
        await set_attr(engine, good, 1).on_disk()
        first = set_attr(engine, good, 2)
        with engine.change(bad) as second:
            second.update_study(description="nothing follows\0")
        results = await asyncio.gather(first.on_disk(), second.on_disk(), return_exceptions=True)
        assert results[0] is None
        assert isinstance(results[1], NotStorable), "told once: no try again helps"
        assert "NUL" in str(results[1])

    in_loop(engine, scenario)
    assert note(neighbour) == "2"


def test_a_connection_cut_under_way_is_told_and_the_engine_comes_back(
    engine: Engine, neighbour: psycopg.Connection
) -> None:
    study = new_study(engine)
    set_attr(engine, study, 1).wait()

    async def scenario() -> None:
        neighbour.execute("BEGIN")
        neighbour.execute("SELECT * FROM study_user_attributes FOR UPDATE")
        waiting = asyncio.create_task(set_attr(engine, study, 2).on_disk())
        await asyncio.sleep(0.05)
        neighbour.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        with pytest.raises(StorageUnavailable):
            await waiting
        neighbour.execute("COMMIT")
        while engine.state != "active":
            await asyncio.sleep(0.01)
        again = await asyncio.to_thread(engine.load, study.study_id)
        await set_attr(engine, again, 3).on_disk()

    in_loop(engine, scenario)
    assert note(neighbour) == "3"


def test_a_database_that_does_not_answer_in_time_is_given_up(
    engine: Engine, neighbour: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = new_study(engine)
    set_attr(engine, study, 1).wait()
    monkeypatch.setattr(postgres_transaction, "_LIMIT_SECONDS", 0.05)

    async def scenario() -> None:
        neighbour.execute("BEGIN")
        neighbour.execute("SELECT * FROM study_user_attributes FOR UPDATE")
        with pytest.raises(StorageUnavailable, match="has not answered"):
            await set_attr(engine, study, 2).on_disk()
        neighbour.execute("COMMIT")

    in_loop(engine, scenario)


def test_a_loop_that_ends_waits_for_what_is_under_way(engine: Engine, neighbour: psycopg.Connection) -> None:
    study = new_study(engine)
    set_attr(engine, study, 1).wait()
    changes = []

    async def scenario() -> None:
        changes.append(set_attr(engine, study, 2))
        for _ in range(4):  # It has been sent by then.
            await asyncio.sleep(0)

    in_loop(engine, scenario)
    changes[0].wait()
    assert note(neighbour) == "2"


def test_what_forms_behind_the_last_batch_of_a_loop_is_committed_by_the_thread(
    engine: Engine, neighbour: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, sent = new_study(engine), []
    begin_write = engine.database.begin_write

    def counted(rows: list[Row]) -> postgres_transaction.PostgresTransaction:
        sent.append(len(rows))
        return begin_write(rows)

    monkeypatch.setattr(engine.database, "begin_write", counted)

    async def scenario() -> None:
        engine.committer.attach(asyncio.get_running_loop())
        first = set_attr(engine, study, 1)
        while not sent:
            await asyncio.sleep(0)
        second = set_attr(engine, study, 2)
        engine.committer.detach()
        await asyncio.wait_for(asyncio.gather(first.on_disk(), second.on_disk()), 30)

    asyncio.run(scenario())
    assert note(neighbour) == "2"
    assert len(sent) == 1, "a loop that has ended sends nothing"


def test_a_batch_larger_than_the_socket_takes_at_once(engine: Engine, neighbour: psycopg.Connection) -> None:
    study = new_study(engine)
    set_attr(engine, study, 1).wait()
    long = "x" * 20_000_000

    async def scenario() -> None:
        await set_attr(engine, study, long).on_disk()

    in_loop(engine, scenario)
    assert note(neighbour) == f'"{long}"'


def test_a_refused_batch_is_left_to_the_thread_and_not_sent_again_and_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = new_study(engine, "good"), new_study(engine, "bad")
    sent = []
    begin_write = engine.database.begin_write

    def counted(rows: list[Row]) -> postgres_transaction.PostgresTransaction:
        sent.append(len(rows))
        return begin_write(rows)

    monkeypatch.setattr(engine.database, "begin_write", counted)

    async def scenario() -> None:
        await set_attr(engine, good, 1).on_disk()
        with engine.change(bad) as change:
            change.update_study(description="nothing follows\0")
        waiting = [asyncio.create_task(change.on_disk())]
        for value in range(20):
            waiting.append(asyncio.create_task(set_attr(engine, good, value).on_disk()))
            await asyncio.sleep(0)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(results[0], NotStorable)
        assert not any(results[1:])

    in_loop(engine, scenario)
    assert 2 <= len(sent) <= 6
