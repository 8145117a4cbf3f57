"""Backups of a database in use, and what becomes of them."""

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from lrtune.service.access import tokens
from lrtune.service.access.audit.pages import read_page
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.errors import SchemaMismatch, StorageError, WriterBusy
from lrtune.service.storage.maintenance import upgrade
from lrtune.service.storage.maintenance.backup import backup
from lrtune.service.storage.maintenance.check import check
from lrtune.service.storage.maintenance.restore import restore
from lrtune.service.storage.memory.study import TrialMirror
from lrtune.service.storage.schema.attributes import ID_ATTR
from lrtune.service.storage.sql.reading.audit import Wanted
from lrtune.service.storage.sql.reading.tokens import read_tokens
from lrtune.service.wire.access.bodies import NewToken
from tests.conftest import new_postgres
from tests.support.filled import content, load_old, restored_content

RATE = FloatDistribution(1e-5, 1.0, log=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def other_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Another fresh database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/other.db"
        return
    with new_postgres(request.getfixturevalue("postgres_admin_url")) as url:
        yield url


def test_a_backup_restores_to_the_same_rows_on_the_same_and_the_other_kind_of_database(
    filled_url: str, other_url: str, tmp_path: Path
) -> None:
    before = content(filled_url)
    saved = backup(filled_url, tmp_path / "b.backup")
    assert (saved.studies, saved.trials) == (len(before["studies"]), len(before["trials"]))
    assert content(f"sqlite:///{saved.file}") == before
    restored = restore(saved.file, other_url)
    kept = restored_content(filled_url)
    assert content(other_url) == kept != before
    assert restored.rows == sum(map(len, kept.values()))
    assert check(other_url).findings == check(f"sqlite:///{saved.file}").findings == []
    # Whoever goes on gets numbers and ids of their own.
    storage = optuna.storages.RDBStorage(other_url)
    study = optuna.load_study(study_name="of-optuna", storage=storage)
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=2)
    optuna.create_study(storage=storage, study_name="new")
    storage.remove_session()
    storage.engine.dispose()
    engine = open_engine(other_url)
    assert len(engine.load_name("ours").trials) == 12 - 2  # The two released ones were leased again.
    engine.close()
    assert check(other_url).findings == []


def test_a_restored_study_has_an_id_of_its_own_that_stays(filled_sqlite_url: str, tmp_path: Path) -> None:
    saved, urls = backup(filled_sqlite_url, tmp_path / "b.backup"), [f"sqlite:///{tmp_path}/{n}.db" for n in "ab"]
    for url in urls:
        restore(saved.file, url)
    ids = []
    for url in (filled_sqlite_url, *urls, *urls):
        engine = open_engine(url)
        ids.append(engine.load_name("ours").system_attrs[ID_ATTR])
        engine.close()
    assert len(set(ids)) == 3
    assert ids[1:3] == ids[3:]


def test_a_backup_carries_the_tokens_and_the_audit_and_no_secret(
    migrated_url: str, other_url: str, tmp_path: Path
) -> None:
    engine = open_engine(migrated_url)
    admin = NewToken(role="admin", name="anna")
    token, secret = engine.upkeep.run(lambda at: tokens.create(at, admin, engine.clock()))
    engine.close()
    saved = backup(migrated_url, tmp_path / "b.backup")
    assert secret.encode() not in saved.file.read_bytes()
    assert secret[len(token.prefix) :].encode() not in saved.file.read_bytes()
    restore(saved.file, other_url)
    assert check(other_url).findings == []
    engine = open_engine(other_url)
    with engine.database.read() as connection:
        assert [one.digest for one in read_tokens(connection)] == [token.digest]
    engine.upkeep.run(lambda at: tokens.rotate(at, token.token_id, engine.clock()))
    with engine.database.snapshot() as connection:
        entries, _ = read_page(connection, Wanted(token=token.token_id), None, 10)
    assert [(entry.id, entry.action) for entry in entries] == [(2, "token.rotate"), (1, "token.create")]
    engine.close()


def test_a_database_that_has_tokens_or_an_audit_is_not_restored_into(
    filled_url: str, migrated_url: str, tmp_path: Path
) -> None:
    saved = backup(filled_url, tmp_path / "b.backup")
    engine = open_engine(migrated_url)
    engine.upkeep.run(lambda at: tokens.create(at, NewToken(role="admin"), engine.clock()))
    engine.close()
    before = content(migrated_url)
    with pytest.raises(StorageError, match=r"1 tokens already.*--storage"):
        restore(saved.file, migrated_url)
    assert content(migrated_url) == before


def test_a_backup_of_a_database_in_use_is_one_moment_of_it(filled_url: str, tmp_path: Path) -> None:
    engine = open_engine(filled_url)
    study = engine.load_name("of-optuna")
    done = threading.Event()
    written = threading.Semaphore(0)

    def write() -> None:
        while not done.is_set():
            with engine.lock, engine.change(study) as change:
                trial = TrialMirror(engine.new_trial_id(), len(study.trials), TrialState.RUNNING)
                trial.params, trial.distributions = {"learning_rate": 0.1}, {"learning_rate": RATE}
                change.add_trial(trial)
                for step in range(5):
                    change.report(trial, step, 0.5)
            change.wait()
            written.release()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            for _ in range(20):
                assert written.acquire(timeout=30)
            saved = backup(filled_url, tmp_path / f"{number}.backup")
            assert check(f"sqlite:///{saved.file}").findings == []
            with sqlite3.connect(saved.file) as file:
                assert file.execute(
                    "select count(*) from trials t join trial_params p using (trial_id) where "
                    "p.param_name = 'learning_rate' and t.study_id = ? and 5 <> (select count(*) from "
                    "trial_intermediate_values v where v.trial_id = t.trial_id)",
                    [study.study_id],
                ).fetchone() == (0,)
    finally:
        done.set()
        writer.join()
        engine.close()
    assert saved.trials > 100


def test_a_file_that_exists_is_not_replaced_unless_forced(filled_url: str, tmp_path: Path) -> None:
    file = tmp_path / "b.backup"
    file.write_text("precious")
    with pytest.raises(StorageError, match="--force"):
        backup(filled_url, file)
    assert file.read_text() == "precious"
    backup(filled_url, file, force=True)
    assert content(f"sqlite:///{file}") == content(filled_url)


def test_a_database_is_never_taken_for_a_backup_to_replace(filled_sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the database itself"):
        backup(filled_sqlite_url, tmp_path / "lrtune.db", force=True)
    other = open_engine(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(StorageError, match="a database in use"):
        backup(filled_sqlite_url, tmp_path / "other.db", force=True)
    other.close()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Within the block, what this process writes to a file past `size` bytes is refused, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_backup_that_fails_leaves_nothing_behind(filled_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    with no_file_larger_than(100_000), pytest.raises((StorageError, sqlite3.Error, SQLAlchemyError)):
        backup(filled_url, folder / "b.backup")
    assert list(folder.iterdir()) == []
    assert backup(filled_url, folder / "b.backup").size_bytes > 100_000


def test_what_is_no_database_is_not_saved(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path}/none.db", postgres_url):
        with pytest.raises(StorageError):
            backup(url, tmp_path / "b.backup")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_has_studies_is_not_restored_into(filled_url: str, tmp_path: Path) -> None:
    saved = backup(filled_url, tmp_path / "b.backup")
    before = content(filled_url)
    with pytest.raises(StorageError, match=r"2 studies already.*--storage"):
        restore(saved.file, filled_url)
    assert content(filled_url) == before


def test_a_database_that_a_service_writes_is_not_restored_into(filled_url: str, other_url: str, tmp_path: Path) -> None:
    saved = backup(filled_url, tmp_path / "b.backup")
    engine = open_engine(other_url)
    with pytest.raises(WriterBusy, match="stop it"):
        restore(saved.file, other_url)
    engine.close()
    restore(saved.file, other_url)


def test_a_restore_that_fails_half_way_restores_nothing(
    postgres_url: str, filled_sqlite_url: str, tmp_path: Path
) -> None:
    file = create_engine(filled_sqlite_url)
    with file.begin() as connection:  # More than PostgreSQL's integer holds; in one of the last tables.
        connection.execute(text("update trial_intermediate_values set step = 3000000000 where step = 2"))
    file.dispose()
    saved = backup(filled_sqlite_url, tmp_path / "b.backup")
    with pytest.raises(StorageError, match=r"trial_intermediate_values.*nothing was restored"):
        restore(saved.file, postgres_url)
    assert not any(rows for name, rows in content(postgres_url).items() if name != "version_info")


@pytest.mark.parametrize("revision", [None, *upgrade.revisions()[:-1]])
def test_a_backup_of_an_older_lrtune_is_upgraded_when_it_is_restored(
    filled_url: str, other_url: str, tmp_path: Path, revision: str | None
) -> None:
    before = restored_content(filled_url)
    engine = create_engine(filled_url)
    with engine.connect() as connection:
        upgrade.downgrade_ours(connection, revision or "base")
        connection.commit()
    engine.dispose()
    saved = backup(filled_url, tmp_path / "b.backup")
    bytes_before = saved.file.read_bytes()
    assert restore(saved.file, other_url).upgraded_from == (revision or "none")
    assert saved.file.read_bytes() == bytes_before
    assert check(other_url).findings == []
    after = content(other_url)
    lost = "lrtune_" if revision is None else "lrtune_audit"
    kept = [name for name in before if not name.startswith(lost)]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_a_backup_of_a_newer_lrtune_or_an_older_optuna_is_refused(filled_sqlite_url: str, tmp_path: Path) -> None:
    file = backup(filled_sqlite_url, tmp_path / "b.backup").file
    with sqlite3.connect(file) as saved:
        saved.execute("update lrtune_alembic_version set version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="newer lrtune"):
        restore(file, f"sqlite:///{tmp_path}/new.db")
    load_old("optuna-2.10.sql", f"sqlite:///{tmp_path}/old.db")
    with pytest.raises(SchemaMismatch, match="lrtune db adopt"):
        restore(tmp_path / "old.db", f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()


def test_what_is_no_backup_is_refused(filled_sqlite_url: str, tmp_path: Path) -> None:
    file = backup(filled_sqlite_url, tmp_path / "b.backup").file
    whole = file.read_bytes()
    for damaged in (b"", b"not a database", whole[: len(whole) // 2], whole[:8192] + b"\xff" * 4096 + whole[12288:]):
        file.write_bytes(damaged)
        with pytest.raises(StorageError, match="backup"):
            restore(file, f"sqlite:///{tmp_path}/new.db")
    with pytest.raises(StorageError, match="no file"):
        restore(tmp_path / "none.backup", f"sqlite:///{tmp_path}/new.db")
    assert not (tmp_path / "new.db").exists()
