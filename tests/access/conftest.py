"""A service with tokens of all kinds, and requests that show them."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.wire.access.secrets import new_secret
from tests.access.promised import STUDY
from tests.api.calls import Json
from tests.api.conftest import serving
from tests.support.clock import Clock

SCOPES = {"in": "cifar-*", "out": "mnist-*", "everywhere": "*"}
ROLES = ("viewer", "worker", "admin")
STATES = ("right", "wrong", "truncated", "expired", "revoked")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@dataclass
class Secured:
    """A service with tokens: `secrets` by role, scope and state."""

    client: TestClient
    admin: Json
    secrets: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Of an admin for all studies."""
        return bearer(self.admin["secret"])

    def make(self, role: str, *scopes: str, **more: Any) -> Json:
        """A new token."""
        body = {"role": role, "scopes": list(scopes) or ["*"], **more}
        answer = self.client.post("/v1/tokens", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    def status(self, secret: str) -> int:
        """What who shows this is answered."""
        return self.client.get("/v1/me", headers=bearer(secret)).status_code


def secure(client: TestClient) -> Secured:
    """Make the first token of a service."""
    made = client.post("/v1/tokens", json={"role": "admin", "name": "first"})
    assert made.status_code == 201, made.text
    return Secured(client, made.json())


def set_clock(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that expiries are judged by."""
    clock = Clock()
    monkeypatch.setattr(client.app.state.container.engine.mirrors, "clock", clock)  # type: ignore[attr-defined]
    return clock


def secret_in_state(secured: Secured, clock: Clock, role: str, scope: str, state: str) -> str:
    """A secret of that role and scope that is right, or is so no longer, or never was."""
    if state == "wrong":
        return new_secret()
    secret: str = secured.make(role, scope, **{"expires_in_seconds": 60} if state == "expired" else {})["secret"]
    if state == "truncated":
        return secret[:-1]
    if state == "revoked":
        newest = secured.client.get("/v1/tokens", headers=secured.headers, params={"limit": 1}).json()["items"][0]
        assert secret.startswith(newest["prefix"])
        path = f"/v1/tokens/{newest['id']}"
        assert secured.client.delete(path, headers=secured.headers).status_code == 200
    return secret


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service with a study, and tokens of every role, scope and state."""
    folder = tmp_path_factory.mktemp("access")
    with serving(f"sqlite:///{folder}/lrtune.db") as client, pytest.MonkeyPatch.context() as patch:
        assert client.post("/v1/studies", json={"name": STUDY}).status_code == 201
        secured = secure(client)
        clock = set_clock(client, patch)
        for role, (scope, glob), state in itertools.product(ROLES, SCOPES.items(), STATES):
            clock.now += 1  # The newest is known by it.
            secured.secrets[role, scope, state] = secret_in_state(secured, clock, role, glob, state)
        clock.now += 120
        yield secured


@pytest.fixture
def secured(tmp_path: object) -> Iterator[Secured]:
    """A service of its own with its first token."""
    with serving(f"sqlite:///{tmp_path}/lrtune.db") as client:
        yield secure(client)


@pytest.fixture
def clock(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `secured`."""
    return set_clock(secured.client, monkeypatch)


Chunked = Callable[[bytes], Iterator[bytes]]
