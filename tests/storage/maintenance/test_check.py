"""What `lrtune db check` finds."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.storage.errors import StorageUnavailable
from lrtune.service.storage.maintenance.check import check
from tests.support.filled import content, load_old


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("update trials set number = 7 where number = 3", "trial numbers: 1 trials of study 1 are not"),
        ("update lrtune_trials set leased = true where trial_id = 1", "leases: 1 trials are leased and finished"),
        ("insert into lrtune_trials select 999, study_id, attempt, leases, leased, lease, worker, request_id, "
         "max_steps, anneals, resumable, checkpoint_uri, checkpoint_step, resumed_from, lost_steps, stop_reason, "
         "error from lrtune_trials where trial_id = 1", "orphans: 1 rows of lrtune_trials belong to no trial"),
        ("insert into lrtune_superseded_reports values (999, 1, 1, 0.5, 'FINITE')", "lrtune_superseded_reports"),
        ("update lrtune_trials set study_id = 2 where trial_id = 1", "leases: 1 trials belong to another study"),
        ("update lrtune_studies set max_trials = 2, spec = replace(spec, '\"max_trials\":50', '\"max_trials\":2')",
         "budget: study ours has 8 trials"),
        ("update lrtune_studies set spec = '{}'", "specs: the spec of study 1"),
        ("delete from trial_values where trial_id = 1", "values: 1 complete trials"),
        ("update trials set datetime_complete = null where number = 2 and study_id = 1", "times: 1 finished trials"),
        ("drop table lrtune_superseded_reports", "lrtune schema: a table differs: add_table lrtune_superseded"),
        ("alter table lrtune_trials drop column error", "lrtune schema: a table differs: add_column"),
        ("update lrtune_alembic_version set version_num = '0001'", "lrtune schema: it is at revision 0001"),
        ("update lrtune_alembic_version set version_num = '9999'", "lrtune schema: revision 9999 is of a newer"),
        ("update alembic_version set version_num = 'v3.0.0.d'", "optuna schema: it is v3.0.0.d"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_the_check_changes_nothing(filled_url: str, damage: str, found: str) -> None:
    assert check(filled_url).findings == []
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(damage)
    engine.dispose()
    checked = check(filled_url)
    texts = [f"{finding.check}: {finding.found}" for finding in checked.findings]
    assert any(found in line for line in texts), texts
    assert all(finding.remedy for finding in checked.findings)
    assert check(filled_url) == checked


def test_rows_of_optunas_whose_trial_is_gone_are_found(filled_sqlite_url: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "lrtune.db") as database:  # PostgreSQL keeps such rows out by itself.
        database.execute("delete from trials where trial_id = 1")
    found = {finding.found for finding in check(filled_sqlite_url).findings if finding.check == "orphans"}
    for table in ("trial_params", "trial_values", "trial_intermediate_values", "lrtune_trials"):
        assert any(f"rows of {table} belong to no trial" in text for text in found), table


def test_a_sequence_that_would_give_a_taken_id_is_found(filled_postgres_url: str) -> None:
    engine = create_engine(filled_postgres_url)
    with engine.begin() as connection:
        connection.execute(text("select setval('trials_trial_id_seq', 2)"))
        assert [finding.check for finding in check(filled_postgres_url).findings] == ["sequences"]
    remedy = check(filled_postgres_url).findings[0].remedy
    with engine.begin() as connection:
        connection.execute(text(remedy))
    engine.dispose()
    assert check(filled_postgres_url).findings == []


def test_a_lowered_budget_is_no_finding(filled_url: str) -> None:
    engine = create_engine(filled_url)
    with engine.begin() as connection:
        connection.execute(text("update lrtune_studies set max_trials = 2"))
    engine.dispose()
    assert check(filled_url).findings == []


def test_a_damaged_file_is_found(filled_sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "lrtune.db"
    with sqlite3.connect(path) as database:
        database.execute("pragma journal_mode = delete")
        root, size = database.execute(
            "select rootpage, (select page_size from pragma_page_size) from sqlite_master where name = "
            "'ix_trials_study_id'"
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size + size - 40)
        file.write(b"\x00" * 40)
    try:
        findings = [finding.check for finding in check(filled_sqlite_url).findings]
    except StorageUnavailable:
        return
    assert "file" in findings


def test_times_of_optuna_4_are_found_with_the_way_to_adopt_them(storage_url: str) -> None:
    load_old("optuna-4.9.sql", storage_url)
    before = content(storage_url)
    findings = {finding.check: finding for finding in check(storage_url).findings}
    assert "lrtune db adopt" in findings["times"].remedy
    assert "lrtune schema" in findings
    assert content(storage_url) == before


def test_a_check_of_what_is_not_there_makes_nothing(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(StorageUnavailable, match="no database"):
        check(f"sqlite:///{tmp_path}/none.db")
    assert list(tmp_path.iterdir()) == []
    assert [finding.check for finding in check(postgres_url).findings] == ["optuna schema"]
    assert content(postgres_url) == {}


def test_a_check_runs_beside_the_writer(filled_url: str) -> None:
    engine = open_engine(filled_url)
    checked = check(filled_url)
    engine.close()
    assert checked.findings == []
    assert (checked.studies, checked.trials) == (2, 14)
