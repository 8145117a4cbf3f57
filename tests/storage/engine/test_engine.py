"""The engine's promises: on disk before answered, one writer, the database is the truth."""

import asyncio
import math
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import optuna
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from lrtune.service.storage import open_storage
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import SchemaMismatch, StorageUnavailable, StorageUrlInvalid, WriterBusy
from lrtune.service.storage.maintenance.upgrade import check_can_open
from lrtune.service.storage.memory.study import StudyMirror, TrialMirror
from lrtune.service.storage.schema.tables import PREFIX, VERSION_TABLE, metadata
from lrtune.service.storage.sql.statements import Op
from lrtune.service.wire.trials import Ask, Checkpoint, LeasedTrial, Release, Report, Reports, Result
from tests.support.mirrors import fields_of, read_by_optuna
from tests.support.tuning import Tuning

RATE = FloatDistribution(1e-5, 1.0, log=True)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


def new_study(engine: Engine, name: str = "s") -> StudyMirror:
    with engine.lock:
        study = engine.new_study(name, [optuna.study.StudyDirection.MINIMIZE])
        with engine.change(study) as change:
            change.create_study(None)
    change.wait()
    return study


def running_trial(engine: Engine, study: StudyMirror, rate: float = 0.1) -> TrialMirror:
    trial = TrialMirror(engine.new_trial_id(), len(study.trials), TrialState.RUNNING)
    trial.params, trial.distributions = {"learning_rate": rate}, {"learning_rate": RATE}
    return trial


# What Optuna sees


def test_optuna_sees_the_very_same_trials_field_by_field(migrated_url: str) -> None:
    with Tuning(migrated_url) as tuning:
        tuning.create(
            name="s",
            max_steps=4,
            search_space={
                "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
                "optimizer": {"type": "categorical", "choices": ["sgd", "adam", None, True, 3]},
                "momentum": {"type": "float", "low": 0, "high": 0.9, "step": 0.1, "when": {"optimizer": ["sgd"]}},
                "layers": {"type": "int", "low": 1, "high": 9, "step": 2},
            },
        )
        trials = tuning.trials
        outcomes = ["complete", "pruned", "diverged", "failed", "release", "running"] * 3 + ["release"]
        for index, outcome in enumerate(outcomes):
            leased = tuning.run(trials.ask("s", Ask(worker="w", request_id=str(index))))
            assert isinstance(leased, LeasedTrial)
            values = [1.0, 0.5 + index, math.nan if outcome == "diverged" else 0.25]
            reports = [Report(step=step, value=value) for step, value in enumerate(values)]
            tuning.run(trials.report("s", leased.number, Reports(lease=leased.lease, reports=reports)))
            tuning.clock.now += 1.25
            if outcome == "release":
                kept = Checkpoint(uri="file:///x", step=1)
                tuning.run(trials.release("s", leased.number, Release(lease=leased.lease, checkpoint=kept)))
            elif outcome != "running":
                body = Result.model_validate({"lease": leased.lease, "state": outcome, "error": "why"})
                tuning.run(trials.result("s", leased.number, body))
        study = tuning.run(tuning.studies.get("s"))
        held = [fields_of(trial.freeze()) for trial in study.trials]
        assert read_by_optuna(migrated_url, "s") == held
        tuning.forget("s")
        reread = tuning.run(tuning.studies.get("s"))
        assert [fields_of(trial.freeze()) for trial in reread.trials] == held
        assert reread.tally == study.tally
        assert reread.ranking == study.ranking
        assert list(reread.waiting) == [study.trials[-1].number]


# On disk before answered


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


def test_a_change_that_fails_half_way_leaves_no_trace(engine: Engine) -> None:
    study = new_study(engine)

    def fail_half_way() -> None:
        with engine.change(study) as change:
            change.add_trial(running_trial(engine, study))
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail_half_way()
    assert not study.alive
    assert engine.load(study.study_id).trials == []


def test_a_deleted_study_is_gone_with_all_its_rows(migrated_url: str) -> None:
    with Tuning(migrated_url) as tuning:
        tuning.create(name="kept", max_steps=3)
        tuning.create(name="gone", max_steps=3)
        for name in ("kept", "gone"):
            leased = tuning.run(tuning.trials.ask(name, Ask(worker="w", request_id=name)))
            assert isinstance(leased, LeasedTrial)
            report = Reports(lease=leased.lease, reports=[Report(step=1, value=1.0)])
            tuning.run(tuning.trials.report(name, leased.number, report))
        tuning.run(tuning.studies.delete("gone"))
    reader = create_engine(migrated_url)
    with reader.connect() as connection:
        for table in ("studies", "trials", "trial_params", "trial_intermediate_values", "lrtune_trials"):
            assert connection.execute(text(f"select count(*) from {table}")).scalar() == 1, table
    reader.dispose()


# One writer


def test_a_second_writer_is_told_that_there_is_one(engine: Engine, migrated_url: str) -> None:
    assert engine.state == "active"
    with pytest.raises(WriterBusy):
        open_engine(migrated_url)


def test_a_standby_takes_over_when_the_writer_ends(migrated_url: str) -> None:
    first = open_engine(migrated_url)
    new_study(first, "of-the-first")
    second = Engine(Database(migrated_url))
    second.start()
    with pytest.raises(WriterBusy):
        second.wait_started()
    assert second.state == "standby"
    with pytest.raises(WriterBusy):
        second.study_names()
    first.close()
    for _ in range(100):
        if second.state == "active":
            break
        threading.Event().wait(0.1)
    assert "of-the-first" in second.study_names()
    second.close()


def test_the_lock_dies_with_its_process(migrated_url: str) -> None:
    program = (
        "import os, sys; from lrtune.service.storage.engine.engine import open_engine; "
        "open_engine(sys.argv[1]); print('holding', flush=True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, migrated_url], capture_output=True, text=True, timeout=60, check=False
    )
    assert "holding" in ended.stdout, ended.stderr
    for _ in range(50):  # PostgreSQL notices a broken connection a moment later.
        try:
            engine = open_engine(migrated_url)
        except WriterBusy:
            threading.Event().wait(0.1)
        else:
            engine.close()
            return
    pytest.fail("the lock outlived its process")


# The database is the truth


def test_a_cut_connection_answers_503_then_the_engine_resumes_and_nothing_acknowledged_is_lost(
    postgres_url: str, postgres_admin_url: str
) -> None:
    engine = open_engine(postgres_url)
    study = new_study(engine)
    with engine.change(study) as change:
        change.add_trial(running_trial(engine, study))
    change.wait()
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lrtune' and datname = %s",
            [postgres_url.rpartition("/")[2].partition("?")[0]],
        )
    with engine.change(study) as lost:
        lost.add_trial(running_trial(engine, study))
    with pytest.raises(StorageUnavailable):
        lost.wait()
    assert not study.alive
    for _ in range(100):
        if engine.state == "active":
            break
        threading.Event().wait(0.1)
    fresh = engine.load(study.study_id)
    assert len(fresh.trials) == 1
    with engine.change(fresh) as change:
        change.add_trial(running_trial(engine, fresh))
    change.wait()
    engine.close()


# Schema


def test_autogenerate_finds_nothing_to_change(engine: Engine, migrated_url: str) -> None:
    assert engine.state == "active"
    reader = create_engine(migrated_url)
    with reader.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, kind, _: kind != "table" or str(name).startswith(PREFIX),
            },
        )
        assert compare_metadata(context, metadata) == []
    reader.dispose()


def test_a_database_of_a_newer_lrtune_is_refused_in_clear_words(migrated_url: str) -> None:
    open_engine(migrated_url).close()
    writer = create_engine(migrated_url)
    with writer.begin() as connection:
        connection.execute(text(f"update {VERSION_TABLE} set version_num = '9999'"))
    writer.dispose()
    with pytest.raises(SchemaMismatch, match="newer lrtune"):
        open_engine(migrated_url)


def test_a_database_that_optuna_made_is_taken_over_with_its_studies(storage_url: str) -> None:
    stock = optuna.storages.RDBStorage(storage_url)
    study = optuna.create_study(storage=stock, study_name="before")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    stock.remove_session()
    stock.engine.dispose()
    storage = open_storage(storage_url)
    taken = optuna.load_study(study_name="before", storage=storage)
    assert [fields_of(t) for t in taken.trials] == read_by_optuna(storage_url, "before")
    taken.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(read_by_optuna(storage_url, "before")) == 5
    storage.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://host/db", "not in mysql"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("postgresql+asyncpg://host/db", "postgresql"),
    ],
)
def test_a_url_that_names_no_database_is_refused_with_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(StorageUrlInvalid, match=words):
        Database(url)


def test_a_database_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="does not exist"):
        check_can_open(f"sqlite:///{tmp_path}/no/such/folder/lrtune.db")
    with pytest.raises(StorageUnavailable) as caught:
        check_can_open("postgresql+psycopg://me:hush@127.0.0.1:1/db")
    assert "hush" not in str(caught.value)


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
