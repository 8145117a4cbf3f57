"""Tokens whose secrets come in files, as containers get them."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_type_hints

import pytest
from starlette.testclient import TestClient

from lrtune.service.access.files.tokens import MAKE, TokenFileInvalid, wanted_tokens
from lrtune.service.app import create_app
from lrtune.service.cli.commands.serve import serve
from lrtune.service.listening import CannotServe, checked
from lrtune.service.settings import Settings
from lrtune.service.wire.access.secrets import new_secret
from tests.api.calls import Json

Put = Callable[..., Path]

SECRET = "lrt_SecnoRc93yRKSgAHUBT_bW46CUBMZHMRB-992UWk17Y"


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a secret, a new one unless it is given, to a file of that name."""

    def write(name: str = "admin", secret: str | None = None) -> Path:
        file = tmp_path / name
        file.write_text((secret or new_secret()) + "\n")
        return file

    return write


@contextmanager
def started(storage: str, **files: Path | None) -> Iterator[TestClient]:
    settings = checked(Settings(storage=storage, **files))  # type: ignore[arg-type]
    with TestClient(create_app(settings, always_asks=True)) as client:
        yield client


def me(client: TestClient, file: Path) -> int | str:
    answer = client.get("/v1/me", headers={"Authorization": f"Bearer {file.read_text().strip()}"})
    return str(answer.json()["role"]) if answer.status_code == 200 else answer.status_code


def tokens(client: TestClient, admin: Path) -> list[Json]:
    answer = client.get("/v1/tokens", headers={"Authorization": f"Bearer {admin.read_text().strip()}"})
    found: list[Json] = answer.json()["items"]
    return found


@contextmanager
def somebody_else() -> Iterator[int]:
    """For the block this process is a user who may read nothing of another's."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65_534)
    try:
        yield os.geteuid()
    finally:
        os.seteuid(own)


def test_who_must_be_able_to_read_a_file_is_told_and_the_command_that_lets_him(put: Put) -> None:
    file = put()
    file.chmod(0)
    with somebody_else() as user, pytest.raises(TokenFileInvalid) as refused:
        wanted_tokens(file, None)
    said = str(refused.value)
    assert said.startswith(f"--admin-token-file: {file} cannot be read by the user {user}, as whom the service runs")
    assert f"`chown {user} {file} && chmod 600 {file}`" in said


def test_no_option_of_a_token_file_is_refused_before_the_service_says_what_to_do() -> None:
    options = get_type_hints(serve, include_extras=True)
    readable = [options[f"{role}_token_file"].__metadata__[0].readable for role in ("admin", "worker")]
    assert readable == [False, False]


def test_the_tokens_of_the_files_are_there_when_the_service_is(storage_url: str, put: Put) -> None:
    admin, worker = put("admin"), put("worker")
    for _ in range(2):
        with started(storage_url, admin_token_file=admin, worker_token_file=worker) as client:
            assert client.get("/v1/studies").status_code == 401
            assert me(client, admin) == "admin"
            assert me(client, worker) == "worker"
            found = tokens(client, admin)
            assert {(one["name"], one["role"], *one["scopes"]) for one in found} == {
                ("admin token file", "admin", "*"),
                ("worker token file", "worker", "*"),
            }
            assert len(found) == 2


def test_another_secret_in_the_file_takes_the_place_of_the_one_before(tmp_path: Path, put: Put) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    old, new = put("old"), put("new")
    with started(storage, admin_token_file=old) as client:
        own = client.post(
            "/v1/tokens",
            json={"role": "admin", "name": "admin token file"},
            headers={"Authorization": f"Bearer {old.read_text().strip()}"},
        ).json()
    with started(storage, admin_token_file=new) as client:
        assert me(client, old) == 401
        assert me(client, new) == "admin"
        assert me(client, put("own", own["secret"])) == "admin"  # Which no file held, whatever it is called.


def test_a_token_that_was_revoked_does_not_come_back_by_its_file(tmp_path: Path, put: Put) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    old, new = put("old"), put("new")
    for file in (old, new):
        with started(storage, admin_token_file=file):
            pass
    with pytest.raises(CannotServe, match=r"the token in .*/old was revoked; make another with: echo"):
        checked(Settings(storage=storage, admin_token_file=old))
    with TestClient(create_app(Settings(storage=storage, admin_token_file=old))) as client:  # As one that takes over.
        assert me(client, old) == 401
        assert me(client, new) == "admin"


def test_a_file_with_a_token_for_something_else_is_refused(tmp_path: Path, put: Put) -> None:
    storage = f"sqlite:///{tmp_path}/lrtune.db"
    admin, worker = put("admin"), put("worker")
    with started(storage, admin_token_file=admin, worker_token_file=worker):
        pass
    with pytest.raises(CannotServe, match="is one of role worker for the studies"):
        checked(Settings(storage=storage, admin_token_file=worker))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hunter2", "does not begin with lrt_"),
        (SECRET[:-1].encode(), "has 46 characters"),
        (b"lrt_" + b"a" * 43, "is not random"),
        ("lrt_é".encode(), "has other characters"),
        (f"{SECRET}\n{SECRET}".encode(), "has 95 characters"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_secret_is_refused_with_the_command_that_makes_one(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "admin token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TokenFileInvalid) as refused:
        wanted_tokens(file, None)
    assert words in str(refused.value)
    assert content is None or MAKE.replace("FILE", f"'{file}'") in str(refused.value)
    assert content is None or len(content) < 20 or content.decode("utf-8")[:20] not in str(refused.value)


def test_workers_have_a_secret_of_their_own(put: Put) -> None:
    secret = new_secret()
    with pytest.raises(TokenFileInvalid, match="hold the same secret"):
        wanted_tokens(put("a", secret), put("w", secret))


def test_a_secret_is_in_no_text_that_is_printed_of_it(put: Put) -> None:
    file = put()
    (wanted,) = wanted_tokens(file, None)
    assert wanted.secret == file.read_text().strip()
    assert wanted.secret not in repr(wanted)


def test_a_standby_asks_from_the_first_moment_and_makes_the_token_when_it_takes_over(tmp_path: Path, put: Put) -> None:
    storage, admin = f"sqlite:///{tmp_path}/lrtune.db", put()
    with ExitStack() as first:
        first.enter_context(TestClient(create_app(Settings(storage=storage))))
        with started(storage, admin_token_file=admin) as standby:
            assert standby.get("/v1/studies").status_code == 401
            assert me(standby, admin) == 401
            first.close()
            until = time.monotonic() + 20
            while (found := me(standby, admin)) != "admin":
                assert time.monotonic() < until, found
                assert standby.get("/v1/studies").status_code == 401
                time.sleep(0.05)
