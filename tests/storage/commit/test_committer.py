"""What is answered is on disk, what comes together is committed together, and a bad change fails alone."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.sql.writing.statements import Op
from tests.support.engines import new_study, running_trial


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


def test_what_is_answered_is_on_disk(engine: Engine, migrated_url: str) -> None:
    study = new_study(engine)
    for number in range(20):
        with engine.change(study) as change:
            trial = running_trial(engine, study)
            change.add_trial(trial)
            change.report(trial, 1, 0.5 * number)
        change.wait()
        reader = create_engine(migrated_url)
        with reader.connect() as connection:
            assert connection.execute(text("select count(*) from trials")).scalar() == number + 1
            assert connection.execute(text("select count(*) from trial_intermediate_values")).scalar() == number + 1
        reader.dispose()


def test_requests_that_arrive_together_share_one_transaction(engine: Engine) -> None:
    study = new_study(engine)
    batches: list[int] = []
    engine.committer.on_batch.append(lambda changes, _seconds: batches.append(changes))

    async def together() -> None:
        changes = []
        with engine.lock:
            for _ in range(50):
                with engine.change(study) as change:
                    change.add_trial(running_trial(engine, study))
                changes.append(change)
        await asyncio.gather(*(change.on_disk() for change in changes))

    asyncio.run(together())
    assert batches == [50]


def test_a_bad_record_fails_alone_and_its_study_is_read_anew(engine: Engine) -> None:
    good, bad = new_study(engine, "good"), new_study(engine, "bad")
    with engine.lock:
        with engine.change(good) as first:
            first.add_trial(running_trial(engine, good))
        with engine.change(bad) as wrong:
            trial = running_trial(engine, bad)
            wrong.add_trial(trial)
            wrong.rows.append((Op.INSERT_STUDY, {"study_id": good.study_id, "study_name": "taken"}))
        with engine.change(bad) as later:
            later.report(trial, 1, 0.5)
        with engine.change(good) as second:
            second.add_trial(running_trial(engine, good))
    first.wait()
    second.wait()
    for refused in (wrong, later):
        with pytest.raises(StorageUnavailable):
            refused.wait()
    assert not bad.alive
    assert engine.load(bad.study_id).trials == []
    assert len(engine.load(good.study_id).trials) == 2
    bad = engine.load(bad.study_id)
    with engine.change(bad) as change:
        change.add_trial(running_trial(engine, bad))
    change.wait()


def test_a_batch_that_finds_sqlite_locked_is_committed_when_the_lock_is_free(tmp_path: Path) -> None:
    """In a service the loop commits; what it cannot commit at once the thread does; nobody who waits is forgotten."""
    engine = open_engine(f"sqlite:///{tmp_path}/lrtune.db")
    study = new_study(engine)
    neighbour = sqlite3.connect(f"{tmp_path}/lrtune.db", isolation_level=None, check_same_thread=False)

    async def two_while_locked() -> float:
        loop = asyncio.get_running_loop()
        engine.committer.attach(loop)
        neighbour.execute("BEGIN IMMEDIATE")
        with engine.change(study) as first:
            first.add_trial(running_trial(engine, study))
        waiting = asyncio.create_task(first.on_disk())
        await asyncio.sleep(0)  # The loop has tried by now, and handed the batch on.
        with engine.change(study) as second:
            second.add_trial(running_trial(engine, study))
        begun = loop.time()
        await asyncio.sleep(0)
        stalled = loop.time() - begun
        threading.Timer(0.3, neighbour.execute, ["COMMIT"]).start()
        await asyncio.gather(waiting, second.on_disk())
        engine.committer.detach()
        return stalled

    assert asyncio.run(two_while_locked()) < 0.25, "the loop must not wait for another process's lock"
    assert len(engine.load(study.study_id).trials) == 2
    engine.close()
    neighbour.close()
