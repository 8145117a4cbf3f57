"""What a backup may replace, however much it is forced: a file, never a link or a pipe."""

import os
from pathlib import Path

import pytest

from lrtune.service.storage.errors import StorageError
from lrtune.service.storage.maintenance.backup import backup


def test_a_link_stays_and_what_it_leads_to_is_replaced(filled_sqlite_url: str, tmp_path: Path) -> None:
    real, link = tmp_path / "real.db", tmp_path / "link.db"
    real.write_text("old")
    link.symlink_to(real)
    backup(filled_sqlite_url, link, force=True)
    assert link.is_symlink()
    assert real.read_bytes().startswith(b"SQLite format 3")


def test_a_pipe_is_not_replaced(filled_sqlite_url: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageError, match="is a pipe or a device; name a file"):
        backup(filled_sqlite_url, pipe, force=True)
    assert pipe.is_fifo()
