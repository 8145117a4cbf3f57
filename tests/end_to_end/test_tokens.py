"""Tokens of a real service, made and shown by real commands, on both databases."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lrtune.service.wire.access.secrets import PREFIX_LENGTH
from lrtune.trainers.client.client import Client
from lrtune.trainers.errors import NotFound, ServiceError, TokenRefused
from tests.end_to_end.conftest import Service, environ, start_worker
from tests.end_to_end.test_workers import SCRIPT, until
from tests.support.forked import captured
from tests.support.processes import Programs


@pytest.fixture
def admin_file(service: Service, tmp_path: Path) -> Path:
    """A file with the token of an admin, the first that the service has."""
    file = tmp_path / "admin" / "token"
    assert lrtune(service, "token", "create", "--role", "admin", "--name", "ops", "--write", str(file)).returncode == 0
    return file


def lrtune(service: Service, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lrtune.service.cli.main", *arguments]
    env = environ(LRTUNE_SERVER=service.address, XDG_CONFIG_HOME="/nowhere", **variables)
    return captured(command, env, 60)


def put(file: Path, secret: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(f"{secret}\n")
    new.chmod(0o600)
    os.replace(new, file)


def test_one_command_makes_a_token_and_the_service_is_closed_to_all_others(service: Service, admin_file: Path) -> None:
    stranger = lrtune(service, "study", "list")
    assert (stranger.returncode, stranger.stdout) == (1, "")
    assert "this service wants a token" in stranger.stderr
    assert "set LRTUNE_TOKEN, or write the token into /nowhere/lrtune/token" in stranger.stderr
    admin = {"LRTUNE_TOKEN_FILE": str(admin_file)}
    assert lrtune(service, "study", "create", "cifar-1", **admin).returncode == 0
    me = json.loads(lrtune(service, "token", "whoami", "--json", **admin).stdout)
    assert (me["role"], me["scopes"], me["token"]["name"]) == ("admin", ["*"], "ops")
    assert me["found_in"] == f"{admin_file} (LRTUNE_TOKEN_FILE)"

    made = lrtune(service, "token", "create", "--role", "worker", "--scope", "cifar-*", "--expires", "30d", **admin)
    worker = {"LRTUNE_TOKEN": made.stdout.strip()}
    assert lrtune(service, "study", "show", "cifar-1", **worker).returncode == 0
    assert "this needs the role admin" in lrtune(service, "study", "delete", "cifar-1", "-y", **worker).stderr
    revoked = lrtune(service, "token", "revoke", worker["LRTUNE_TOKEN"][:PREFIX_LENGTH], **admin)
    assert "worker for cifar-*, revoked now" in revoked.stdout
    refused = lrtune(service, "study", "show", "cifar-1", **worker)
    assert refused.returncode == 1
    assert "was revoked" in refused.stderr
    assert refused.stderr.rstrip().endswith("the token shown was that of LRTUNE_TOKEN")


def test_who_shows_a_former_secret_is_told_so_and_until_when_it_holds(service: Service, admin_file: Path) -> None:
    admin = {"LRTUNE_TOKEN_FILE": str(admin_file)}
    former = lrtune(service, "token", "create", "--role", "viewer", **admin).stdout.strip()
    new = lrtune(service, "token", "rotate", former[:PREFIX_LENGTH], "--grace", "1h", **admin).stdout.strip()
    told = lrtune(service, "token", "whoami", LRTUNE_TOKEN=former).stdout
    assert f"the secret shown is the former one, {former[:PREFIX_LENGTH]}…, which holds until" in told
    assert re.search(r"UTC \(in (60 min|1 h)\)", told), "by how long the machine took"
    assert "rotated" not in lrtune(service, "token", "whoami", LRTUNE_TOKEN=new).stdout


def test_a_token_made_in_the_database_holds_at_the_service_beside_it_within_a_second(
    service: Service, admin_file: Path
) -> None:
    offline = ("--offline", "--storage", service._storage_url)
    made = lrtune(service, "token", "create", "--role", "viewer", *offline).stdout.strip()
    with Client(service.address, token=made) as client:
        until(lambda: _is_let_in(client), seconds=1.5)
        revoked = lrtune(service, "token", "revoke", made[:PREFIX_LENGTH], *offline)
        assert revoked.returncode == 0, revoked.stderr
        until(lambda: not _is_let_in(client), seconds=1.5)


def _is_let_in(client: Client) -> bool:
    try:
        client.me()
    except TokenRefused:
        return False
    return True


def test_the_sdk_manages_tokens(service: Service, admin_file: Path) -> None:
    with Client(service.address, token=admin_file.read_text()) as client:
        made = client.create_token("worker", scopes=["a-*"], name="slurm", expires_in_seconds=60)
        assert made.secret not in repr(made)
        assert [one.name for one in client.tokens()] == ["slurm", "ops"]
        rotated = client.rotate_token(made.id)
        with Client(service.address, token=rotated.secret) as worker:
            assert worker.me().scopes == ["a-*"]
        with Client(service.address, token=made.secret) as former, pytest.raises(TokenRefused, match="rotated"):
            former.me()
        assert client.revoke_token(made.id).revoked_at is not None
        with pytest.raises(NotFound, match="there is no token 'none'"):
            client.revoke_token("none")
        with pytest.raises(ServiceError, match="the last token that can manage tokens"):
            client.revoke_token(client.me().token.id)  # type: ignore[union-attr]


def test_a_worker_goes_on_when_its_token_is_rotated_and_its_file_renewed(
    programs: Programs, service: Service, admin_file: Path, tmp_path: Path
) -> None:
    script, file, slow = tmp_path / "my_script.py", tmp_path / "token", tmp_path / "slow"
    script.write_text(SCRIPT)
    slow.touch()
    with Client(service.address, token=admin_file.read_text()) as client:
        client.create_study("rotated", max_trials=4, max_steps=3, pruner={"name": "none"})
        token = client.create_token("worker", scopes=["rotated"])
        put(file, token.secret)
        worker = start_worker(programs, service, "rotated", f"{script}:train", LRTUNE_TOKEN_FILE=str(file))
        until((tmp_path / "1.1.json").exists)
        put(file, client.rotate_token(token.id, grace_seconds=1.0).secret)
        with Client(service.address, token=token.secret) as former:
            until(lambda: not _is_let_in(former), seconds=5)
        slow.unlink()
        assert worker.wait(40) == 0, worker.stderr
        assert client.status("rotated").trials.complete == 4
    assert token.secret not in worker.stdout + worker.stderr
    assert file.read_text().strip() not in worker.stdout + worker.stderr
