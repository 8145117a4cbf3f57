"""`lrtune token`, in a database itself; with a service in tests/end_to_end."""

import json
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import text

from lrtune.service.access.offline import OfflineAccess, open_offline
from lrtune.service.cli.commands.access.durations import ago, read_duration
from lrtune.service.cli.main import app
from lrtune.service.storage.database.database import Database
from lrtune.service.storage.database.read_only import shown
from lrtune.service.storage.engine.engine import open_engine
from lrtune.service.wire.access.secrets import LENGTH, PREFIX_LENGTH, digest_of, new_secret
from tests.cli.conftest import Lrtune, Ran
from tests.fake_service import FakeService

Token = Callable[..., Ran]
SHAPE = re.compile(r"lrt_[A-Za-z0-9_-]{43}\n")


@pytest.fixture
def token(lrtune: Lrtune, storage_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Token:
    """`lrtune token … --offline` on an empty database of each kind in turn."""
    monkeypatch.setenv("LRTUNE_STORAGE", storage_url)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return lambda *arguments: lrtune("token", *arguments, "--offline")


def secret_of(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    assert SHAPE.fullmatch(ran.out), "the secret, alone, on standard output"
    return ran.out.strip()


def listed(token: Token) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(token("list", "--json").out)
    return found


def test_one_command_makes_the_first_token_in_a_database_that_was_not_there(token: Token, storage_url: str) -> None:
    ran = token("create", "--role", "admin", "--name", "ops")
    secret = secret_of(ran)
    assert len(secret) == LENGTH
    assert f"token {secret[:PREFIX_LENGTH]}… 'ops'" in ran.err
    assert "admin for all studies, never expires" in ran.err
    assert "set LRTUNE_TOKEN to it" in ran.err
    assert secret[PREFIX_LENGTH:] not in ran.err
    with Database(storage_url).read() as connection:
        kept = connection.execute(text("SELECT digest FROM lrtune_tokens")).scalars().all()
    assert kept == [digest_of(secret.encode())]


def test_a_token_says_in_which_database_it_is_and_whether_that_was_made(token: Token, storage_url: str) -> None:
    file = None if not storage_url.startswith("sqlite") else storage_url.removeprefix("sqlite:///")
    first, second = (token("create", "--role", "admin").err for _ in range(2))
    if file is not None:
        assert f"in a new database: made {file}\n" in first
        assert f"in the database {file}\n" in second
    else:
        assert f"in the database {shown(storage_url)}\n" in first
    assert "made" not in second


def test_what_is_asked_of_a_token_is_in_the_list(token: Token) -> None:
    token("create", "--role", "admin")
    scopes = ("--scope", "cifar-*", "--scope", "mnist-?")
    limits = ("--limit", "asks_per_second=2.5", "--limit", "studies=3")
    secret = secret_of(token("create", "--role", "worker", *scopes, "--expires", "30d", "--name", "slurm", *limits))
    worker, admin = listed(token)
    assert (admin["role"], admin["scopes"]) == ("admin", ["*"])
    assert (worker["role"], worker["scopes"], worker["name"]) == ("worker", ["cifar-*", "mnist-?"], "slurm")
    assert (worker["limits"]["asks_per_second"], worker["limits"]["studies"]) == (2.5, 3)
    life = datetime.fromisoformat(worker["expires_at"]) - datetime.fromisoformat(worker["created_at"])
    assert abs(life - timedelta(days=30)) < timedelta(seconds=1)
    shown = token("list").out
    for said in (secret[:PREFIX_LENGTH], worker["id"], "slurm", "cifar-*", "in 30 d", "never"):
        assert said in shown
    assert secret[PREFIX_LENGTH:] not in shown


def test_json_has_everything_and_nothing_else_is_printed(token: Token) -> None:
    ran = token("create", "--role", "admin", "--json")
    made = json.loads(ran.out)
    assert made["secret"].startswith(made["prefix"])
    assert ran.err == ""


def test_a_written_secret_is_for_its_owner_alone_and_nothing_is_replaced(token: Token, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "token"
    ran = token("create", "--role", "admin", "--write", str(file))
    assert (ran.code, ran.out) == (0, "")
    assert f"it is in {file}: set LRTUNE_TOKEN_FILE" in ran.err
    before = file.read_text()
    assert SHAPE.fullmatch(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = token("create", "--role", "admin", "--write", str(file))
    assert (again.code, file.read_text()) == (1, before)
    assert f"--write: {file} exists and is not replaced" in again.err
    assert len(listed(token)) == 1


def test_with_json_a_written_secret_is_not_printed_too(token: Token, tmp_path: Path) -> None:
    file = tmp_path / "token"
    made = json.loads(token("create", "--role", "admin", "--write", str(file), "--json").out)
    assert (made["secret"], made["file"]) == (None, str(file))


def test_a_file_for_a_token_that_was_not_made_is_gone(token: Token, tmp_path: Path) -> None:
    file = tmp_path / "token"
    ran = token("create", "--role", "worker", "--write", str(file))
    assert ran.code == 1
    assert "the first token must be an admin's for all studies" in ran.err
    assert not file.exists()


def test_a_token_is_named_by_its_id_or_by_how_it_begins(token: Token) -> None:
    token("create", "--role", "admin")
    for name in (lambda made: made["id"], lambda made: made["prefix"], lambda made: made["secret"]):
        made = json.loads(token("create", "--role", "viewer", "--json").out)
        ran = token("revoke", name(made))
        assert ran.code == 0, ran.err
        assert f"{made['prefix']}… (id {made['id']}), viewer for all studies, revoked now" in ran.out
        assert made["secret"][PREFIX_LENGTH:] not in ran.out + ran.err
    assert sum(one["revoked_at"] is not None for one in listed(token)) == 3


def test_a_token_that_is_not_there_is_one_line_without_the_secret(token: Token) -> None:
    token("create", "--role", "admin")
    secret = new_secret()
    for which, said in (
        (secret, f"no token begins with {secret[:PREFIX_LENGTH]}"),
        ("0000", "there is no token '0000'"),
    ):
        ran = token("revoke", which)
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert said in ran.err
        assert secret[PREFIX_LENGTH:] not in ran.err


def test_a_rotated_token_is_the_same_one_with_a_new_secret(token: Token) -> None:
    before = json.loads(token("create", "--role", "admin", "--json").out)
    after = secret_of(token("rotate", before["prefix"], "--grace", "1h"))
    (one,) = listed(token)
    assert (one["id"], one["prefix"]) == (before["id"], after[:PREFIX_LENGTH])
    assert after != before["secret"]


def test_the_last_that_can_manage_tokens_is_revoked_by_force_alone(token: Token) -> None:
    made = json.loads(token("create", "--role", "admin", "--json").out)
    refused = token("revoke", made["id"])
    assert refused.code == 1
    assert "the last token that can manage tokens" in refused.err
    assert token("revoke", made["id"], "--force").code == 0


def test_a_database_is_made_by_create_alone(token: Token, lrtune: Lrtune, tmp_path: Path) -> None:
    for command in (["list"], ["revoke", "abc"], ["rotate", "abc"]):
        file = tmp_path / "absent.db"
        ran = lrtune("token", *command, "--offline", "--storage", f"sqlite:///{file}")
        assert (ran.code, ran.err.count("\n")) == (1, 1)
        assert f"there is no database {file}" in ran.err
        assert not file.exists()
        assert token(*command).code == 1


def test_beside_a_process_that_writes_the_database_a_token_is_made(storage_url: str, token: Token) -> None:
    engine = open_engine(storage_url)
    try:
        secret_of(token("create", "--role", "admin"))
        assert len(listed(token)) == 1
        assert engine.state == "active"
    finally:
        engine.close()


@pytest.fixture
def offline(storage_url: str) -> Iterator[OfflineAccess]:
    with open_offline(storage_url, make=True) as access:
        yield access


def test_what_is_done_in_the_database_itself_is_in_the_audit_with_who_typed_it(
    offline: OfflineAccess, storage_url: str
) -> None:
    made = offline.create_token("admin", name="ops")
    offline.revoke_token(made.id, force=True)
    with Database(storage_url).read() as connection:
        rows = connection.execute(text("SELECT action, subject, via, actor FROM lrtune_audit ORDER BY entry_id")).all()
    assert [(row.action, row.subject, row.via) for row in rows] == [
        ("token.create", made.id, "command"),
        ("token.revoke", made.id, "command"),
    ]
    assert all("@" in row.actor for row in rows)


MISTAKES = [
    (["--role", "boss"], "--role: must be 'viewer', 'worker' or 'admin'"),
    (["--role", "amdin"], "--role: must be 'viewer', 'worker' or 'admin'; did you mean 'admin'?"),
    (["--role", "viewer", "--scope", ""], "--scope: must not be empty"),
    (["--role", "viewer", "--scope", "a**"], "--scope: write * once"),
    (
        ["--role", "viewer", "--scope", "a b"],
        "--scope: may have the letters A-Z a-z, digits and . _ - : @ +, and * and ? for any of them",
    ),
    (["--role", "viewer", "--expires", "tomorrow"], "--expires: 'tomorrow' is no duration: write a number and s, m, h"),
    (["--role", "viewer", "--expires", "-1d"], "--expires: '-1d' is no duration"),
    (["--role", "viewer", "--expires", "0s"], "--expires: must be greater than 0"),
    (["--role", "viewer", "--expires", "99999w"], "--expires: must be at most"),
    (["--role", "viewer", "--limit", "fun=3"], "--limit: 'fun' is none of requests_per_second, asks_per_second"),
    (["--role", "viewer", "--limit", "studies"], "--limit: 'studies' has no number: write NAME=NUMBER"),
    (["--role", "viewer", "--limit", "studies=1.5"], "--limit studies: must be a whole number (an integer)"),
    (["--role", "viewer", "--limit", "asks_per_second=nan"], "--limit asks_per_second: must be"),
    (["--role", "viewer", "--limit", "studies=1", "--limit", "studies=2"], "--limit: studies is given twice"),
]


@pytest.mark.parametrize(("arguments", "said"), MISTAKES)
def test_a_mistake_is_one_line_that_names_its_option_and_nothing_is_made(
    lrtune: Lrtune, tmp_path: Path, arguments: list[str], said: str
) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    ran = lrtune("token", "create", *arguments, "--offline", "--storage", storage, "--write", str(tmp_path / "token"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["token", "rotate", "x", "--grace", "soon"], "--grace: 'soon' is no duration"),
        (["token", "rotate", "x", "--grace", "31d"], "--grace: 31d is more than 30d"),
        (["token", "list", "--storage", "sqlite:///lrtune.db"], "--storage goes with --offline"),
        (["audit", "--since", "yesterday"], "--since: 'yesterday' is no duration"),
        (["audit", "--since", "999999999w"], "--since: "),
    ],
)
def test_a_mistake_is_told_before_the_service_is_asked(
    lrtune: Lrtune, service: FakeService, address: str, arguments: list[str], said: str
) -> None:
    ran = lrtune(*arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert service.calls == []


def test_without_a_service_the_way_without_one_is_told(lrtune: Lrtune) -> None:
    ran = lrtune("token", "list", "--server", "http://127.0.0.1:1")
    assert ran.code == 1
    assert "on the machine of the database, --offline needs no service" in ran.err


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30d", 2_592_000.0), ("12h", 43_200.0), ("90m", 5400.0), ("3600s", 3600.0), ("2w", 1_209_600.0)],
)
def test_a_duration_is_a_number_and_a_unit(written: str, seconds: float) -> None:
    assert read_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "30", "d", "1e3s", "1_0s", "٣d", "30 d", "1d2h", "inf"])
def test_anything_else_is_no_duration(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        read_duration(written)


def test_how_long_ago_is_told_in_the_largest_unit_that_fits() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    told = [ago(now + timedelta(seconds=one), now) for one in (0, -59, -90, -3600, -5000, 86_399.9, 30 * 86_400 - 0.3)]
    assert told == ["now", "now", "2 min ago", "1 h ago", "1 h ago", "in 1 d", "in 30 d"]


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from parameter.opts
    context = typer.Context(command)
    for name in getattr(command, "list_commands", lambda _: [])(context):
        yield from _options(command.get_command(context, name))


def test_no_option_takes_a_token_which_everybody_would_see_in_the_list_of_processes() -> None:
    options = set(_options(typer.main.get_command(app)))
    found = {option for option in options if re.search(r"(token|secret|password)(?!-file$)", option)}
    # `lrtune audit --token` takes an id or a prefix; `lrtune workers --secret` the name of a Secret of Kubernetes.
    assert found == {"--token", "--secret"}


def test_the_help_of_the_commands_loads_neither_a_database_nor_a_client() -> None:
    code = "import sys; sys.argv=['lrtune','token','--help']; from lrtune.service.cli.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\nprint(sorted({n.partition('.')[0] for n in sys.modules}))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).splitlines()[-1]
    assert not re.search(r"'(sqlalchemy|optuna|torch|httpx2)'", loaded)
