"""The token that a client shows: to whom, when it is refused, and where it must not turn up."""

import logging
import os
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from lrtune import Client, LrtuneError, LrtuneWarning, ServiceUnreachable, TokenRefused
from lrtune.service.wire.access.secrets import new_secret
from lrtune.trainers.client.http import authorization
from tests.fake_service import STUDY, FakeService, listening, problem

SECRET, OTHER = new_secret(), new_secret()
Shown = list[str | None]


@pytest.fixture(autouse=True)
def _no_token_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LRTUNE_TOKEN", "LRTUNE_TOKEN_FILE", "LRTUNE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def token_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "token"
    put(file, SECRET)
    monkeypatch.setenv("LRTUNE_TOKEN_FILE", str(file))
    return file


def put(file: Path, content: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(content)
    new.chmod(0o600)
    os.replace(new, file)


def taking(secret: Callable[[], str], shown: Shown) -> Callable[[httpx2.Request], httpx2.Response]:
    """A service that takes that secret alone; what it was shown goes into `shown`."""

    def service(request: httpx2.Request) -> httpx2.Response:
        shown.append(request.headers.get("Authorization"))
        if shown[-1] == f"Bearer {secret()}":
            return httpx2.Response(200, json=STUDY)
        return problem(401, "token-refused", detail="there is no such token")

    return service


def asking(service: Callable[[httpx2.Request], httpx2.Response], token: str | None = None) -> Client:
    return Client("https://service", token=token, transport=httpx2.MockTransport(service), retry_seconds=0)


def test_the_token_travels_in_the_header_wherever_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, token_file: Path
) -> None:
    shown: Shown = []
    for token in (OTHER, None):
        with Client(
            "https://service", token=token, transport=httpx2.MockTransport(taking(lambda: "", shown))
        ) as client:
            with pytest.raises(TokenRefused):
                client.study("s")
            assert client.token_source == ("token=" if token else f"{token_file} (LRTUNE_TOKEN_FILE)")
    monkeypatch.delenv("LRTUNE_TOKEN_FILE")
    with asking(taking(lambda: "", shown)) as client, pytest.raises(TokenRefused):
        client.study("s")
    assert shown == [f"Bearer {OTHER}", f"Bearer {SECRET}", None]


def test_a_file_that_was_renewed_is_read_anew_when_the_token_before_is_refused(token_file: Path) -> None:
    shown: Shown = []
    with asking(taking(lambda: token_file.read_text(), shown)) as client:
        client.study("s")
        put(token_file, OTHER)
        client.study("s")
        client.study("s")
    assert shown == [f"Bearer {one}" for one in (SECRET, SECRET, OTHER, OTHER)]


def test_a_training_survives_that_its_token_is_rotated(token_file: Path, service: FakeService) -> None:
    def check(request: httpx2.Request) -> httpx2.Response | None:
        if request.headers["Authorization"] == f"Bearer {token_file.read_text()}":
            return None
        return problem(401, "token-refused")

    service.fault = check
    with asking(service) as client:
        for trial in client.study("s").leases():
            with trial:
                trial.report(1, 0.5)
                put(token_file, new_secret())
                trial.report(2, 0.4)
        assert [len(service.bodies(ending)) for ending in ("/reports", "/result")] == [6, 2]


def test_a_refused_token_that_is_still_in_the_file_is_shown_once(token_file: Path) -> None:
    shown: Shown = []
    with asking(taking(lambda: OTHER, shown)) as client:
        with pytest.raises(TokenRefused, match=rf"no such token \(401\); the token shown was that of {token_file}"):
            client.study("s")
        put(token_file, "half wri")
        with pytest.raises(TokenRefused, match="no such token"):
            client.study("s")
    assert shown == [f"Bearer {SECRET}"] * 2


def test_who_has_no_token_is_told_where_to_put_one(tmp_path: Path) -> None:
    place = tmp_path / "config" / "lrtune" / "token"
    with asking(taking(lambda: SECRET, [])) as client:
        with pytest.raises(TokenRefused, match=f"set LRTUNE_TOKEN, or write the token into {place}"):
            client.study("s")
        place.parent.mkdir(parents=True)
        put(place, SECRET)
        assert client.study("s").name == "s"


def test_beyond_its_role_a_token_is_not_read_anew(token_file: Path) -> None:
    shown: Shown = []

    def service(request: httpx2.Request) -> httpx2.Response:
        shown.append(request.headers["Authorization"])
        put(token_file, OTHER)
        return problem(403, "not-allowed", detail="this needs the role admin")

    with asking(service) as client, pytest.raises(TokenRefused) as refused:
        client.study("s")
    where = f"the token shown was that of {token_file} (LRTUNE_TOKEN_FILE)"
    assert str(refused.value) == f"this needs the role admin (403); {where}"
    assert len(shown) == 1


def test_a_token_that_cannot_be_one_stops_the_client_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRTUNE_TOKEN", f"{SECRET[:-1]}!")
    with pytest.raises(LrtuneError, match=r"^LRTUNE_TOKEN has other characters") as refused:
        Client("https://service")
    assert SECRET[12:-1] not in "".join(traceback.format_exception(refused.value))


def test_a_redirect_never_carries_the_token_on() -> None:
    seen: list[str] = []

    def service(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.host)
        return httpx2.Response(307, headers={"Location": f"https://elsewhere/?token={SECRET}"})

    with asking(service, SECRET) as client:
        with pytest.raises(ServiceUnreachable, match="sends on to https://elsewhere") as refused:
            client.study("s")
        assert SECRET[12:] not in str(refused.value)
    assert seen == ["service"]


def test_netrc_does_not_take_the_tokens_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine service login somebody password else\ndefault login any password thing\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    shown: Shown = []
    with Client(
        "https://service", token=SECRET, transport=httpx2.MockTransport(taking(lambda: SECRET, shown))
    ) as client:
        client.study("s")
    assert shown == [f"Bearer {SECRET}"]


@pytest.mark.parametrize("server", ["https://me@service", "https://me:word@service"])
def test_an_address_with_a_password_is_refused_where_it_would_take_the_tokens_place(server: str) -> None:
    with pytest.raises(LrtuneError, match="take them out of it") as refused:
        Client(server, token=SECRET)
    assert "word@" not in str(refused.value)


def test_a_token_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(LrtuneError, match="has a token in it: set LRTUNE_TOKEN") as refused:
        Client(f"https://service/?token={SECRET}")
    assert SECRET not in str(refused.value)


@pytest.fixture
def nothing_warned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(authorization, "_warned", set[str]())
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield


@pytest.mark.usefixtures("nothing_warned")
def test_a_token_sent_in_plain_sight_is_warned_of_once_for_each_server() -> None:
    with warnings.catch_warnings(record=True) as told:
        for server in ("http://gpu-master:8080", "http://other") * 3:
            Client(server, token=SECRET).close()
    assert [(one.category, one.filename) for one in told] == [(LrtuneWarning, __file__)] * 2
    assert "http://gpu-master:8080 in plain sight, since the address is not https" in str(told[0].message)


@pytest.mark.usefixtures("nothing_warned")
@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:8080", "http://127.1.2.3", "http://localhost:1", "http://[::1]:1"]
)
def test_what_stays_on_the_machine_or_is_encrypted_is_not_warned_of(server: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Client(server, token=SECRET).close()
        Client("https://gpu-master", token=SECRET).close()
        Client("http://gpu-master").close()


def test_a_pickled_client_shows_the_same_token_and_reads_the_file_anew(token_file: Path) -> None:
    shown: Shown = []
    with (
        listening(taking(lambda: token_file.read_text(), shown)) as address,
        Client(address, retry_seconds=0) as client,
    ):
        copy: Client = pickle.loads(pickle.dumps(client))
        with copy:
            copy.study("s")
            put(token_file, OTHER)
            copy.study("s")
        assert shown == [f"Bearer {one}" for one in (SECRET, SECRET, OTHER)]


def test_a_pickled_client_has_its_token_where_the_environment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: Shown = []
    monkeypatch.setenv("LRTUNE_TOKEN", SECRET)
    with listening(taking(lambda: SECRET, shown)) as address:
        with Client(address, retry_seconds=0) as client:
            sent = pickle.dumps(client)
        monkeypatch.delenv("LRTUNE_TOKEN")
        with pickle.loads(sent) as copy:
            copy.study("s")
    assert shown == [f"Bearer {SECRET}"]


def test_a_client_shows_its_token_to_nobody_who_prints_it() -> None:
    client = Client("https://service", token=SECRET)
    connection = client._connection
    for one in (client, connection, connection._authorization, connection._authorization.credential):
        assert SECRET[12:] not in repr(one)
    client.close()


def test_no_log_and_no_traceback_holds_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def echo(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(400, text=f"you sent {request.headers.get('Authorization')}")

    with (
        listening(echo) as address,
        Client(address, token=SECRET, retry_seconds=1) as client,
        pytest.raises(ServiceUnreachable) as refused,
    ):
        client.study("s")
    told = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert "you sent" in told
    assert SECRET[12:] not in told


def test_a_file_of_authorities_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for file in (tmp_path / "gone.pem", empty):
        monkeypatch.setenv("LRTUNE_CA_FILE", str(file))
        with (
            Client("https://service", retry_seconds=0) as client,
            pytest.raises(LrtuneError, match=f"LRTUNE_CA_FILE names {file}, which cannot be used"),
        ):
            client.study("s")
