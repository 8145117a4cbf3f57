"""An obstacle costs whoever meets it: a row that cannot be kept, one that is locked. Everybody else's mirrors stay."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from lrtune.service.storage.commit.locked_studies import LockedStudies
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import NotStorable, StorageUnavailable
from lrtune.service.storage.memory.study import StudyMirror
from lrtune.service.storage.sql.reading.past_rates import PastRate, read_past
from lrtune.service.storage.sql.writing.statements import Op
from tests.faults.conftest import until
from tests.support.clock import Clock
from tests.support.engines import add_trial, new_study, running_trial

UNSTORABLE = {
    "a text with NUL": {"key": "a\0b"},
    "half of a surrogate pair": {"key": "\udc80"},
    "a text too long": {"key": "k" * 600},
    "a number beyond 64 bits": {"study_id": 2**70},
    "a number beyond 32 bits": {"study_id": 2**40},
    "a value of no known kind": {"key": object()},
}
ON_SQLITE_TOO = ("half of", "a number beyond 64", "a value of")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


@pytest.fixture
def on_postgres(migrated_postgres_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def neighbour(migrated_postgres_url: str) -> Iterator["psycopg.Connection"]:
    plain = make_url(migrated_postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        yield connection


def report(engine: Engine, study: StudyMirror, value: float = 0.5) -> Callable[[], Awaitable[None]]:
    with engine.change(study) as change:
        change.add_trial(running_trial(engine, study))
        change.report(study.trials[-1], 1, value)
    return change.on_disk


async def attached(engine: Engine, scenario: Callable[[], Awaitable[None]]) -> None:
    engine.committer.attach(asyncio.get_running_loop())
    try:
        await asyncio.wait_for(scenario(), 30)
    finally:
        engine.committer.detach()


@pytest.mark.parametrize("what", UNSTORABLE)
def test_a_row_that_cannot_be_kept_is_told_once_to_its_sender_and_harms_nobody(engine: Engine, what: str) -> None:
    if engine.database.dialect == "sqlite" and not what.startswith(ON_SQLITE_TOO):
        pytest.skip("SQLite keeps it")
    good, bad = new_study(engine, "good"), new_study(engine, "bad")
    activations = engine.activations

    async def scenario() -> None:
        first = report(engine, good)
        with engine.change(bad) as wrong:
            row = {"study_id": bad.study_id, "key": "k", "value_json": "1"} | UNSTORABLE[what]
            wrong.rows.append((Op.SET_STUDY_USER_ATTR, row))
        last = report(engine, good)
        found = await asyncio.gather(first(), wrong.on_disk(), last(), return_exceptions=True)
        assert found[0] is None
        assert isinstance(found[1], NotStorable), found[1]
        assert found[2] is None

    asyncio.run(attached(engine, scenario))
    assert (engine.state, engine.activations, good.alive, len(good.trials)) == ("active", activations, True, 2)
    add_trial(engine, engine.load(bad.study_id)).wait()


def test_nothing_is_built_on_a_refused_change_while_its_study_is_put_right(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report on a trial that the database refused, for its id is another study's, would be kept under that one."""
    study = new_study(engine)
    with engine.change(study) as change:
        change.add_trial(running_trial(engine, study))
        change.rows.append((Op.INSERT_STUDY, {"study_id": study.study_id, "study_name": "taken"}))
        refused = study.trials[-1]
        told: list[BaseException] = []

        def in_between() -> None:
            try:
                with engine.change(study) as late:
                    late.report(refused, 7, 0.1)
            except StorageUnavailable as error:
                told.append(error)

        monkeypatch.setattr(engine.committer._singly, "_on_refused", in_between)
    with pytest.raises(StorageUnavailable):
        change.wait()
    assert [type(error) for error in told] == [StorageUnavailable]


def test_steps_and_sums_of_steps_beyond_32_bits_are_kept(engine: Engine, migrated_url: str) -> None:
    study = new_study(engine)
    add_trial(engine, study).wait()
    many = 3 * 2**31
    row = {"trial_id": study.trials[0].trial_id, "study_id": study.study_id, "attempt": 1, "leases": 1}
    row |= {"leased": False, "lease": None, "worker": None, "request_id": None, "anneals": False, "resumable": False}
    row |= {"max_steps": many, "checkpoint_uri": None, "checkpoint_step": many, "resumed_from": many}
    row |= {"lost_steps": many, "stop_reason": None, "error": None}
    with engine.change(study) as change:
        change.rows.append((Op.SET_OUR_TRIAL, row))
    change.wait()
    reader = create_engine(migrated_url)
    with reader.connect() as connection:
        assert connection.execute(text("SELECT lost_steps FROM lrtune_trials")).scalar() == many
    reader.dispose()


@pytest.mark.parametrize("family", ["c\0nn", "c\ud800nn"])
def test_what_a_study_found_is_kept_whatever_its_family_is_called(engine: Engine, family: str) -> None:
    study = new_study(engine)
    with engine.change(study) as change:
        change.note_past_rate(PastRate(family, family, 0.1, 64, 10, 5))
    change.wait()
    with engine.database.read() as connection:
        assert len(read_past(connection, optimizer=family, family=family, at_least=1)) == 1


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT * FROM studies WHERE study_id = {} FOR UPDATE",
        "DELETE FROM study_directions WHERE study_id = {0}; DELETE FROM studies WHERE study_id = {0}",
    ],
)
def test_a_neighbours_row_lock_on_one_study_does_not_hold_another(
    on_postgres: Engine, neighbour: "psycopg.Connection", lock: str
) -> None:
    engine = on_postgres
    locked, free = new_study(engine, "locked"), new_study(engine, "free")
    activations = engine.activations

    async def scenario() -> None:
        neighbour.execute("BEGIN")
        neighbour.execute(lock.format(locked.study_id))  # type: ignore[arg-type]
        begun = time.monotonic()
        met, other = report(engine, locked), report(engine, free)
        found = await asyncio.gather(met(), other(), return_exceptions=True)
        seconds = time.monotonic() - begun
        assert isinstance(found[0], StorageUnavailable)
        assert "study locked is locked in the database by another process" in str(found[0])
        assert found[1] is None
        assert seconds < 2.0
        with pytest.raises(StorageUnavailable, match="try again"):
            await asyncio.to_thread(engine.load, locked.study_id)
        neighbour.execute("ROLLBACK")

    asyncio.run(attached(engine, scenario))
    assert (engine.state, engine.activations, free.alive, locked.alive) == ("active", activations, True, False)

    def goes_on() -> bool:
        try:
            add_trial(engine, engine.load_name("locked")).wait()
        except StorageUnavailable:
            return False
        return True

    until(goes_on)


@pytest.mark.parametrize(
    "ends", ["SELECT pg_cancel_backend(pid)", "SELECT pg_sleep(0.3), pg_cancel_backend(pid)", "SELECT pg_sleep(1)"]
)
def test_a_statement_that_is_ended_or_waits_is_no_lost_database(
    on_postgres: Engine, neighbour: "psycopg.Connection", postgres_admin_url: str, ends: str
) -> None:
    engine = on_postgres
    study, other = new_study(engine, "s"), new_study(engine, "other")
    activations = engine.activations

    async def scenario() -> None:
        neighbour.execute("BEGIN")
        neighbour.execute("LOCK TABLE trials")
        waiting = asyncio.create_task(report(engine, study)())
        await asyncio.sleep(0.05)
        name = make_url(engine.database.url).database
        with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
            admin.execute(f"{ends} FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'")  # type: ignore[arg-type]
        neighbour.execute("ROLLBACK")
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(attached(engine, scenario))
    assert (engine.state, engine.activations, other.alive) == ("active", activations, True)
    add_trial(engine, other).wait()


def test_a_study_that_could_not_be_made_for_a_lock_leaves_its_name_free(
    on_postgres: Engine, neighbour: "psycopg.Connection"
) -> None:
    engine = on_postgres
    neighbour.execute("BEGIN")
    neighbour.execute("LOCK TABLE studies")
    with pytest.raises(StorageUnavailable, match="study new is locked"):
        new_study(engine, "new")
    neighbour.execute("ROLLBACK")
    assert engine.study_names() == {}
    new_study(engine, "new")


def test_a_study_whose_lock_stays_is_left_alone_for_longer_each_time() -> None:
    clock = Clock(1000.0)
    locked = LockedStudies(clock)
    for seconds in (1, 2, 4, 4):
        assert locked.note(7) == seconds
        with pytest.raises(StorageUnavailable) as caught:
            locked.check(7)
        assert caught.value.retry_after_seconds == seconds
        locked.check(8)
        clock.now += seconds
        locked.check(7)
    clock.now += 11
    assert locked.note(7) == 1
