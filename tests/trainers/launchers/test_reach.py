import os
import stat
from pathlib import Path

import pytest

from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.errors import LaunchError
from lrtune.trainers.launchers import reach


@pytest.fixture(autouse=True)
def _no_token_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LRTUNE_TOKEN", "LRTUNE_TOKEN_FILE", "LRTUNE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "mine"
    file.write_text(new_secret())
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:1", "http://0.0.0.0:8"]
)
def test_an_address_of_this_machine_is_refused_for_workers_elsewhere(server: str) -> None:
    with pytest.raises(
        LaunchError, match=r"^--server: .* which workers in pods do not reach; start .*http://HOST:PORT$"
    ):
        reach.check_reachable(server, "in pods")


def test_other_addresses_are_taken() -> None:
    reach.check_reachable("https://lrtune.example:8443", "in pods")


def test_a_file_is_no_service_for_many() -> None:
    with pytest.raises(LaunchError, match=r"--server: local:a\.db is a file for one process; have `lrtune serve`"):
        reach.check_served("local:a.db")


def test_here_a_token_goes_by_its_file_which_may_be_written_anew(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN_FILE", str(token_file))
    assert reach.token_here() == {"LRTUNE_TOKEN_FILE": str(token_file)}


def test_here_a_token_of_the_environment_goes_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    monkeypatch.setenv("LRTUNE_TOKEN", secret)
    assert reach.token_here() == {"LRTUNE_TOKEN": secret}


def test_to_other_machines_goes_the_token_itself_unless_a_file_is_there(
    token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN_FILE", str(token_file))
    assert reach.token_elsewhere() == {"LRTUNE_TOKEN": token_file.read_text()}
    assert reach.token_elsewhere("/mnt/token") == {"LRTUNE_TOKEN_FILE": "/mnt/token"}


def test_without_a_token_none_goes(tmp_path: Path) -> None:
    assert reach.token_here() == reach.token_elsewhere() == reach.token_in(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_in_a_shared_folder_a_token_lies_in_a_file_that_its_owner_alone_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_secret()
    monkeypatch.setenv("LRTUNE_TOKEN", secret)
    before = os.umask(0)
    try:
        told = reach.token_in(tmp_path / "jobs")
    finally:
        os.umask(before)
    file = tmp_path / "jobs" / "token"
    assert told == {"LRTUNE_TOKEN_FILE": str(file)}
    assert file.read_text() == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_unusable_token_is_one_line_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN", "hunter2")
    with pytest.raises(LaunchError, match=r"^LRTUNE_TOKEN ") as refused:
        reach.token_elsewhere()
    assert "hunter2" not in str(refused.value)


def test_workers_trust_whom_this_process_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_CA_FILE", "/etc/ca.pem")
    assert reach.environment("https://a", {}) == {"LRTUNE_SERVER": "https://a", "LRTUNE_CA_FILE": "/etc/ca.pem"}
