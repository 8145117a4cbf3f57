"""What cannot be used without a service is told at once, in one line, with what to do."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from lrtune import Client, LrtuneError
from tests.embedded.conftest import engines
from tests.end_to_end.conftest import environ


def refusal(server: str) -> str:
    with pytest.raises(LrtuneError) as refused:
        Client(server)
    assert engines() == 0
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    told = refusal(f"local:{tmp_path}/nowhere/a.db")
    assert told == f"the folder {tmp_path}/nowhere does not exist: create it, or name another file"


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    assert refusal(f"local:{tmp_path}") == f"{tmp_path} is a folder: name a file in it, local:{tmp_path}/lrtune.db say"


def test_what_is_no_database(file: Path) -> None:
    file.write_text("a diary\n" * 500)
    assert "is damaged, or is no database" in refusal(f"local:{file}")


def test_a_database_of_a_newer_version(file: Path) -> None:
    Client(f"local:{file}").close()
    with sqlite3.connect(file) as database:
        database.execute("update lrtune_alembic_version set version_num = '9999'")
    database.close()
    assert "was written by a newer lrtune (schema 9999); upgrade this installation" in refusal(f"local:{file}")


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("local:", '"local:" names no file: write "local", for lrtune.db in this folder, or "local:FILE.db"'),
        ("local:postgresql://x/y", "names no SQLite file, and only that can be used without a service"),
        ("sqlite://", "the storage must outlast the service: name a file"),
        ("local::memory:", "the storage must outlast the service: name a file"),
    ],
)
def test_what_names_no_file(server: str, told: str) -> None:
    assert told in refusal(server)


def test_a_database_server_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_STORAGE", "postgresql+psycopg://x/y")
    assert refusal("local").startswith("LRTUNE_STORAGE names no SQLite file")


READ_ONLY = """
    import os, sys
    from lrtune import Client, LrtuneError

    file = sys.argv[1]
    Client(f"local:{file}").close()
    os.chmod(file, 0o444)
    if os.geteuid() == 0:  # Whom no mode holds back.
        os.chmod(os.path.dirname(file), 0o777)
        os.seteuid(65534)
    try:
        Client(f"local:{file}")
    except LrtuneError as error:
        print(error)
"""


def test_a_file_that_cannot_be_written() -> None:
    import tempfile

    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # Others may not enter those of pytest.
        os.chmod(folder, 0o755)
        command = [sys.executable, "-c", textwrap.dedent(READ_ONLY), f"{folder}/a.db"]
        ran = subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=60, check=True)
        assert ran.stdout == f"{folder}/a.db cannot be written by this user: make it so, or name another file\n"


@pytest.mark.parametrize("missing", ["fastapi", "sqlalchemy"])
def test_without_the_services_packages_the_extra_is_named(missing: str) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from lrtune import Client; Client('local')"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environ(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        f"ImportError: an engine inside this process needs the service's packages, and {missing} is missing: "
        "pip install 'lrtune[service]'"
    )
