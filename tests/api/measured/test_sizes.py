"""How large the database is, and how old its latest backup."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from lrtune.service.storage.maintenance.backup import backup, latest_backup
from tests.api.measured.scraped import scrape
from tests.support import migrated


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture
def service(storage_url: str, folder: Path) -> Iterator[TestClient]:
    migrated.make(storage_url)
    with TestClient(create_app(Settings(storage=storage_url, backups=folder))) as client:
        yield client


def test_the_database_has_a_size_and_so_has_its_log(service: TestClient) -> None:
    """The tests' role on PostgreSQL may see it."""
    seen = scrape(service)
    assert seen("lrtune_database_bytes") > 100_000
    assert seen("lrtune_wal_bytes") > 0


def test_the_latest_whole_backup_is_told(service: TestClient, storage_url: str, folder: Path) -> None:
    saved = backup(storage_url, folder / "monday.backup")
    old, other, partial = folder / "older.backup", folder / "notes.txt", folder / ".tuesday.backup.1.partial"
    for file in (old, other, partial):
        file.write_bytes(b"")
    os.utime(old, (1000, 1000))
    seen = scrape(service)
    assert abs(seen("lrtune_last_backup_timestamp_seconds") - time.time()) < 60
    assert seen("lrtune_last_backup_bytes") == saved.size_bytes


def test_without_a_backup_the_last_one_was_never(service: TestClient) -> None:
    assert scrape(service)("lrtune_last_backup_timestamp_seconds") == 0


def test_a_folder_that_is_not_there_is_said_in_the_log_and_breaks_nothing(
    service: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rmdir()
    assert scrape(service)("lrtune_last_backup_timestamp_seconds") == 0
    assert "LRTUNE_BACKUPS" in caplog.text


def test_scrapes_that_come_close_together_look_once(service: TestClient, folder: Path) -> None:
    assert scrape(service)("lrtune_last_backup_bytes") == 0
    (folder / "late.backup").write_bytes(b"12")
    assert scrape(service)("lrtune_last_backup_bytes") == 0
    service.app.state.metrics.sizes._looked_at -= 60  # type: ignore[attr-defined]
    assert scrape(service)("lrtune_last_backup_bytes") == 2


def test_a_file_that_is_being_written_is_no_backup(folder: Path) -> None:
    (folder / ".monday.backup.x.partial").touch()
    (folder / ".hidden.backup").touch()
    assert latest_backup(folder) is None
