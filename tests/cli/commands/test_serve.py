"""What `lrtune serve` says where it cannot serve: one line, and an exit code that tells why."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Lrtune


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_STORAGE", f"sqlite:///{tmp_path}/lrtune.db")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # Which the command sets: undone at the end.


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("option", ["--port", "--optuna-port"])
def test_a_taken_port_is_one_line_that_names_the_option(lrtune: Lrtune, taken_port: int, option: str) -> None:
    ran = lrtune("serve", "--port", "0", option, str(taken_port))
    assert (ran.code, ran.out) == (1, "")
    taken = f"port {taken_port} on 127.0.0.1 is in use"
    assert ran.err == f"lrtune: {taken}: stop what listens there, or take another with {option}\n"


def test_an_unknown_log_level_is_a_wrong_use(lrtune: Lrtune) -> None:
    ran = lrtune("serve", "--port", "0", "--log-level", "loud")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "lrtune: log level 'loud': use one of debug, info, warning, error\n"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "the storage URL cannot be read"),
        ("mysql://host/x", "lrtune stores in SQLite or PostgreSQL, not in mysql"),
        ("sqlite:////nowhere/at/all.db", "the folder /nowhere/at does not exist"),
        ("postgresql+psycopg://user:secret@127.0.0.1:1/x", "user:***@127.0.0.1:1/x does not answer"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_one_line_without_a_password(lrtune: Lrtune, url: str, words: str) -> None:
    ran = lrtune("serve", "--port", "0", "--storage", url)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("lrtune: ")
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert "secret" not in ran.err
