"""`lrtune db`, as people and scripts meet it."""

import json
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lrtune.service.storage.engine.engine import open_engine
from tests.cli.conftest import Lrtune
from tests.support.filled import content, fill, load_old, restored_content

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "database.md"
COMMANDS = ["upgrade", "check", "backup", "restore", "adopt"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LRTUNE_STORAGE", raising=False)
    return tmp_path


def test_the_documented_commands_do_what_they_say(
    lrtune: Lrtune, here: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_old("optuna-4.9.sql", "sqlite:///optuna.db")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) for line in block.splitlines()]
    assert {shlex.split(line.partition("lrtune db ")[2])[0] for line in lines} == set(COMMANDS)
    for line in lines:
        words = shlex.split(line)
        with monkeypatch.context() as patched:
            if words[0].startswith("LRTUNE_STORAGE="):
                patched.setenv("LRTUNE_STORAGE", postgres_url)
                words = words[1:]
            ran = lrtune(*words[1:])
        told = [said for said in ran.err.splitlines() if not said.endswith(" s so far")]  # On a slow machine.
        assert (ran.code, told) == (0, []), line
        if "--json" in words:
            json.loads(ran.out)
        if words[2] == "upgrade":
            fill("sqlite:///lrtune.db")
    assert content(postgres_url) == content("sqlite:///restored.db") == restored_content("sqlite:///lrtune.db")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_is_documented(lrtune: Lrtune, command: str) -> None:
    ran = lrtune("db", command, "--help")
    assert ran.code == 0
    assert "--json" in ran.out
    assert f"## {command}" in PAGE.read_text()
    for option in re.findall(r" (--[a-z][a-z-]+)", ran.out):
        assert option in PAGE.read_text() or option in ("--help", "--yes"), option


def test_a_check_exits_by_what_it_found(lrtune: Lrtune, here: Path) -> None:
    assert lrtune("db", "check").code == 2
    fill("sqlite:///lrtune.db")
    well = lrtune("db", "check")
    assert (well.code, well.out.splitlines()[-1]) == (0, "all is well")
    with sqlite3.connect("lrtune.db") as database:
        database.execute("update trials set number = 7 where number = 3")
    ran = lrtune("db", "check")
    assert ran.code == 1
    assert "trial numbers" in ran.out
    found = lrtune("db", "check", "--json")
    assert found.code == 1
    report = json.loads(found.out)
    assert report["ok"] is False
    assert {finding["check"] for finding in report["findings"]} == {"trial numbers"}
    assert all(finding["remedy"] for finding in report["findings"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["backup", "b.backup"],
        ["backup", "no/such/folder/b.backup"],
        ["restore", "none.backup"],
        ["restore", "nonsense.backup"],
        ["adopt", "sqlite:///none.db"],
        ["adopt", "sqlite:///lrtune.db", "--timezone", "Nowhere/City"],
        ["upgrade", "--storage", "sqlite:///no/such/folder/x.db"],
        ["check", "--storage", "nonsense"],
        ["check", "--storage", "sqlite:///nonsense.backup"],
        ["upgrade", "--storage", "sqlite:///nonsense.backup"],
        ["adopt", "sqlite:///nonsense.backup"],
        ["backup", "b.backup", "--storage", "sqlite:///nonsense.backup"],
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(lrtune: Lrtune, here: Path, arguments: list[str]) -> None:
    Path("nonsense.backup").write_text("nonsense " * 1000)
    ran = lrtune("db", *arguments)
    assert ran.code in (1, 2)
    assert ran.out == ""
    assert re.fullmatch(r"lrtune: .+\n", ran.err), ran.err
    assert {path.name for path in here.iterdir()} <= {"nonsense.backup", "nonsense.backup.lock"}


@pytest.mark.parametrize("named", ["lrtune.db", "local:lrtune.db", "sqlite:///lrtune.db"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_a_database_in_the_same_way(lrtune: Lrtune, here: Path, command: str, named: str) -> None:
    fill("sqlite:///lrtune.db")
    assert lrtune("db", "backup", "b.backup").code == 0
    given = {"backup": ["new.backup"], "restore": ["b.backup"], "adopt": ["--dry-run"]}.get(command, [])
    if command == "restore":
        Path("lrtune.db").unlink()
    ran = lrtune("db", command, *given, "--storage", named, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out).get("database", "sqlite:///lrtune.db") == "sqlite:///lrtune.db"
    assert {path.name for path in here.glob("*.db")} == {"lrtune.db"}


def test_a_token_is_made_in_the_same_database(lrtune: Lrtune, here: Path) -> None:
    assert lrtune("token", "create", "--role", "admin", "--offline", "--storage", "local:mine.db").code == 0
    ran = lrtune("token", "list", "--offline", "--storage", "mine.db")
    assert (ran.code, "admin" in ran.out) == (0, True)


def test_what_is_adopted_must_be_named(lrtune: Lrtune, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LRTUNE_STORAGE", raising=False)
    ran = lrtune("db", "adopt")
    assert (ran.code, ran.err) == (
        2,
        "lrtune: name the database that Optuna wrote: --storage FILE.db, or by LRTUNE_STORAGE\n",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_password_is_never_shown(lrtune: Lrtune, here: Path, command: str) -> None:
    url = "postgresql+psycopg://me:hush-hush@127.0.0.1:1/db"
    fill("sqlite:///lrtune.db")
    assert lrtune("db", "backup", "b.backup").code == 0
    given = {"backup": ["new.backup"], "restore": ["b.backup"]}.get(command, [])
    ran = lrtune("db", command, *given, "--storage", url)
    assert ran.code in (1, 2)
    assert "127.0.0.1" in ran.err
    assert "hush-hush" not in ran.err + ran.out
    assert len(ran.err.splitlines()) == 1
    assert not Path("new.backup").exists()


def test_what_a_service_writes_is_neither_restored_into_nor_adopted(lrtune: Lrtune, here: Path) -> None:
    fill("sqlite:///lrtune.db")
    engine = open_engine("sqlite:///lrtune.db")
    try:
        assert lrtune("db", "backup", "b.backup").code == 0
        assert lrtune("db", "check").code == 0
        assert lrtune("db", "upgrade").code == 0
        for arguments in (["restore", "b.backup"], ["adopt", "sqlite:///lrtune.db"]):
            ran = lrtune("db", *arguments)
            assert (ran.code, "stop it" in ran.err) == (1, True)
    finally:
        engine.close()


def test_an_adoption_tells_what_it_would_do_then_what_it_did(lrtune: Lrtune, here: Path) -> None:
    load_old("optuna-4.9.sql", "sqlite:///optuna.db")
    arguments = ["db", "adopt", "sqlite:///optuna.db", "--timezone", "Europe/Berlin"]
    planned = lrtune(*arguments, "--dry-run")
    assert "times of 13 trials would be made UTC from local time (Europe/Berlin)" in planned.out
    assert "2024-10-27 00:40:00.123456 -> 2024-10-26 22:40:00.123456 UTC" in planned.out
    report = json.loads(lrtune(*arguments, "--dry-run", "--json").out)
    assert report["dry_run"] is True
    assert {study["study"]: study["adopted"] for study in report["studies"]} == {
        "digits": True, "two-objectives": False, "a name with spaces": False, "bounds-moved": True, "empty": False
    }  # fmt: skip
    done = lrtune(*arguments)
    assert done.code == 0
    assert "times of 13 trials made UTC" in done.out
    assert "2 objectives" in done.out
    again = lrtune(*arguments)
    assert again.code == 0
    assert "times were made UTC before" in again.out
    assert lrtune("db", "check", "--storage", "sqlite:///optuna.db").code == 0


def test_a_backup_that_is_ended_leaves_nothing(here: Path, postgres_url: str) -> None:
    """SIGTERM, while it waits for a lock in the database."""
    import psycopg

    fill(postgres_url)
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as blocking:
        blocking.execute("lock table trials in access exclusive mode")
        command = [
            sys.executable,
            "-m",
            "lrtune.service.cli.main",
            "db",
            "backup",
            "b.backup",
            "--storage",
            postgres_url,
        ]
        root = str(PAGE.parents[2])
        process = subprocess.Popen(command, env={"PYTHONPATH": root, "PATH": ""}, stderr=subprocess.PIPE, text=True)
        try:
            for _ in range(600):
                if blocking.execute("select 1 from pg_locks where not granted").fetchone():
                    break
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.1)
            assert list(here.iterdir())
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    told = [line for line in err.splitlines() if not line.startswith("lrtune: saving the database")]  # That it goes on.
    assert (process.returncode, told) == (128 + signal.SIGTERM, [])
    assert list(here.iterdir()) == []
