"""A service that other machines reach does not start without a token, unless it is told to."""

import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from lrtune.service.access import tokens
from lrtune.service.connections.addresses import address_of
from lrtune.service.listening import CannotServe, always_asks, checked, first_token, warnings
from lrtune.service.settings import Settings
from lrtune.service.storage.maintenance.upgrade import downgrade_ours
from lrtune.service.wire.access.bodies import NewToken
from tests.cli.conftest import Lrtune
from tests.support import migrated

LOOPBACK = ["127.0.0.1", "127.8.9.1", "127.1", "::1", "localhost"]
BEYOND = ["0.0.0.0", "0", "", "::", "::ffff:127.0.0.1", "10.1.2.3", "gpu-box"]


@pytest.fixture(autouse=True)
def _own_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`gpu-box` is a machine of the network."""
    known = socket.getaddrinfo

    def look_up(host: str, *more: object, **named: object) -> object:
        return known("10.7.7.7" if host == "gpu-box" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    address_of.cache_clear()
    yield
    address_of.cache_clear()


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/lrtune.db"
    monkeypatch.setenv("LRTUNE_STORAGE", url)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # Which the command sets: undone at the end.
    return url


def make_token(storage: str, *, revoked: bool = False) -> None:
    engine = create_engine(storage)
    with engine.begin() as connection:
        token, _ = tokens.create(connection, NewToken(role="admin"), time.time())
        if revoked:
            tokens.revoke(connection, token.token_id, time.time(), force=True)
    engine.dispose()


@pytest.mark.parametrize("host", BEYOND)
def test_beyond_loopback_it_is_refused_with_the_reason_and_the_command_to_type(
    lrtune: Lrtune, storage: str, host: str
) -> None:
    ran = lrtune("serve", "--port", "0", "--host", host)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "other machines reach" in ran.err
    assert f"the database {storage} has no token" in ran.err
    assert f"`lrtune token create --role admin --offline --storage {storage}`" in ran.err
    assert "--insecure" in ran.err


def test_it_is_refused_before_it_takes_a_port(lrtune: Lrtune, storage: str) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        ran = lrtune("serve", "--host", "0.0.0.0", "--port", str(taken.getsockname()[1]))
    assert f"the database {storage} has no token" in ran.err


@pytest.mark.parametrize("host", LOOPBACK)
def test_on_loopback_nobody_has_to_make_a_token(storage: str, host: str) -> None:
    settings = checked(Settings(host=host))
    assert not always_asks(settings)
    assert not settings.insecure


@pytest.mark.parametrize("host", BEYOND)
@pytest.mark.parametrize("revoked", [False, True])
def test_with_a_token_in_the_database_a_revoked_one_too_it_starts_and_asks(
    storage: str, host: str, revoked: bool
) -> None:
    migrated.make(storage)
    make_token(storage, revoked=revoked)
    for insecure in (False, True):
        settings = checked(Settings(host=host, insecure=insecure))
        assert always_asks(settings)
        assert not settings.insecure


@pytest.mark.parametrize("revision", ["0006", "base"])
def test_a_database_of_before_there_were_tokens_has_none(storage: str, revision: str) -> None:
    migrated.make(storage)
    engine = create_engine(storage)
    with engine.begin() as connection:
        downgrade_ours(connection, revision)
    engine.dispose()
    with pytest.raises(CannotServe, match=r"the database .* has no token"):
        checked(Settings(host="0.0.0.0"))
    assert checked(Settings(host="0.0.0.0", insecure=True)).insecure


def test_insecure_means_what_others_reach_and_is_said_loudly(storage: str) -> None:
    asked = Settings(host="0.0.0.0", insecure=True)
    settings = checked(asked)
    assert settings.insecure
    assert not always_asks(settings)
    (said,) = warnings(asked, settings.insecure)
    assert said.startswith("INSECURE: whoever reaches 0.0.0.0 may read, change and delete every study")
    on_loopback = Settings(insecure=True)
    assert warnings(on_loopback, checked(on_loopback).insecure) == [
        "--insecure (LRTUNE_INSECURE) changes nothing here: leave it out"
    ]
    assert warnings(Settings(), False) == []


@pytest.mark.parametrize("behind", [{"proxies": "127.0.0.1"}, {"root_path": "/lrtune"}])
def test_behind_a_proxy_others_reach_it_on_loopback_too(storage: str, behind: dict[str, str]) -> None:
    migrated.make(storage)
    with pytest.raises(CannotServe, match=r"other machines reach it through a proxy .*has no token") as refused:
        checked(Settings.model_validate(behind))
    assert "--host" not in str(refused.value), "it listens on loopback already"
    with pytest.raises(CannotServe, match=r"--host 127\.0\.0\.1"):
        checked(Settings.model_validate(behind | {"host": "0.0.0.0"}))
    assert checked(Settings.model_validate(behind | {"insecure": True})).insecure
    make_token(storage)
    assert always_asks(checked(Settings.model_validate(behind)))


def test_a_host_that_nobody_knows_is_one_line(lrtune: Lrtune, storage: str) -> None:
    ran = lrtune("serve", "--host", "no-such-host.invalid", "--port", "0")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("lrtune: cannot listen on no-such-host.invalid:0: ")
    assert ran.err.endswith("; check --host and --port\n")


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("sqlite:///lrtune.db", "`lrtune token create --role admin --offline`"),
        (
            "sqlite:////data/my runs.db",
            "`lrtune token create --role admin --offline --storage 'sqlite:////data/my runs.db'`",
        ),
        (
            "postgresql+psycopg://me:secret@db/x",
            "`LRTUNE_STORAGE='postgresql+psycopg://me:***@db/x' lrtune token create --role admin --offline` "
            "(with the secret in place of ***)",
        ),
    ],
)
def test_the_command_names_the_database_and_no_password(
    monkeypatch: pytest.MonkeyPatch, url: str, command: str
) -> None:
    for variable in (None, url):  # Who types the command may have none.
        monkeypatch.delenv("LRTUNE_STORAGE", raising=False) if variable is None else monkeypatch.setenv(
            "LRTUNE_STORAGE", url
        )
        assert first_token(Settings(storage=url)) == command
    assert "lrtune" in shlex.split(command.split("`")[1])[:2]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("LRTUNE_PROXIES", "10.0.0.0/8,proxy", "'proxy' is no network"),
        ("LRTUNE_PROXIES", "*", "'*' is no network"),
        ("LRTUNE_PROXIES", "10.0.0.1/8", "'10.0.0.1/8' is no network"),
        ("LRTUNE_ROOT_PATH", "lrtune", "'lrtune' is no path"),
        ("LRTUNE_ROOT_PATH", "/a/../b", "'/a/../b' is no path"),
        ("LRTUNE_ROOT_PATH", "https://x/y", "is no path"),
    ],
)
def test_a_setting_that_cannot_be_is_a_wrong_use(
    lrtune: Lrtune, storage: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    ran = lrtune("serve", "--port", "0")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"lrtune: {variable}: ")
    assert words in ran.err
