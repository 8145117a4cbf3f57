"""Which URLs name a database."""

from pathlib import Path

import pytest

from lrtune.service.storage.database.connections import parse_url
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import shown
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


@pytest.mark.parametrize("written", ["p@ss w:rd/%'?", "p@ss w:rd/%'?\n", "p@ss w:rd/%'?\r\n"])
def test_a_password_may_come_from_a_file(tmp_path: Path, written: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(written.encode())
    url = f"postgresql+psycopg://lrtune@db/lrtune?password_file={file}&connect_timeout=3"
    parsed = parse_url(url)
    assert parsed.password == "p@ss w:rd/%'?"
    assert dict(parsed.query) == {"connect_timeout": "3"}  # libpq knows no such parameter.
    assert "p@ss" not in shown(url)
    assert parse_url(Database(url).url).password == parsed.password


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("password_file=FOLDER/none", "FOLDER/none.*No such file.*let the user that runs lrtune read it"),
        ("password_file=FOLDER/empty", "FOLDER/empty.*is empty: write the password into it"),
        ("password_file=FOLDER/binary", "no UTF-8 text"),
        ("password_file=FOLDER/empty&password_file=FOLDER/none", "more than one password"),
    ],
)
def test_a_file_that_holds_no_password_is_told_with_what_to_do(tmp_path: Path, query: str, words: str) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(StorageUrlInvalid, match=words.replace("FOLDER", str(tmp_path))):
        parse_url(f"postgresql://lrtune@db/lrtune?{query}".replace("FOLDER", str(tmp_path)))


def test_a_password_in_the_url_and_in_a_file_is_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(StorageUrlInvalid, match="more than one password"):
        parse_url(f"postgresql://lrtune:secret@db/lrtune?password_file={tmp_path}/x")
