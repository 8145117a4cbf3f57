"""Which URLs name a database."""

from pathlib import Path

import pytest

from lrtune.service.storage.database.connections import parse_url
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.errors import StorageUrlInvalid


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("runs/mine", "sqlite:///runs/mine"),
        ("mine.db", "sqlite:///mine.db"),
        ("/srv/mine.db", "sqlite:////srv/mine.db"),
        ("monday.backup", "sqlite:///monday.backup"),
        ("local:mine", "sqlite:///mine"),
        ("local", "sqlite:///lrtune.db"),
        ("sqlite:///mine.db", "sqlite:///mine.db"),
        ("postgresql://me@host/db", "postgresql+psycopg://me@host/db"),
        ("postgres://me@host/db", "postgresql+psycopg://me@host/db"),
        ("postgresql+psycopg://me@host/db", "postgresql+psycopg://me@host/db"),
    ],
)
def test_a_database_is_named_by_a_file_or_a_url(text: str, url: str) -> None:
    assert parse_url(text).render_as_string() == url


def test_a_file_that_is_there_needs_no_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageUrlInvalid):
        parse_url("mine")
    Path("mine").touch()
    assert parse_url("mine").database == "mine"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "cannot be read; use a file, lrtune.db say"),
        ("", "cannot be read"),
        ("local:", "cannot be read"),
        ("sqlite:mine.db", "cannot be read"),
        ("mysql://host/db", "not in mysql"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("postgresql+asyncpg://host/db", "postgresql"),
    ],
)
def test_a_url_that_names_no_database_is_refused_with_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(StorageUrlInvalid, match=words):
        Database(url)
