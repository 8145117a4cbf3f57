"""The engine's promises: Optuna sees the same, one writer, the database is the truth."""

import math
import subprocess
import sys
import threading
from collections.abc import Iterator

import optuna
import psycopg
import pytest
from optuna.distributions import FloatDistribution
from sqlalchemy import create_engine, text

from lrtune.service.storage import open_storage
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.engine.engine import Engine, open_engine
from lrtune.service.storage.errors import StorageUnavailable, WriterBusy
from lrtune.service.wire.trials import Ask, Checkpoint, LeasedTrial, Release, Report, Reports, Result
from tests.support.engines import add_trial, new_study
from tests.support.mirrors import fields_of, read_by_optuna
from tests.support.tuning import Tuning

RATE = FloatDistribution(1e-5, 1.0, log=True)


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    opened = open_engine(migrated_url)
    yield opened
    opened.close()


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
    add_trial(engine, study).wait()
    with psycopg.connect(postgres_admin_url, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lrtune' and datname = %s",
            [postgres_url.rpartition("/")[2].partition("?")[0]],
        )
    lost = add_trial(engine, study)
    with pytest.raises(StorageUnavailable):
        lost.wait()
    assert not study.alive
    for _ in range(100):
        if engine.state == "active":
            break
        threading.Event().wait(0.1)
    fresh = engine.load(study.study_id)
    assert len(fresh.trials) == 1
    add_trial(engine, fresh).wait()
    engine.close()


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
