"""Tokens over HTTP."""

import re
import shlex
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient
from typer.main import get_command

from lrtune.service.api import studies
from lrtune.service.cli.commands.access.tokens import app
from lrtune.service.wire.access.secrets import LENGTH
from lrtune.service.wire.studies import NewStudy
from tests.api.calls import Json


def bearer(token: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {token['secret']}"}


def made(client: TestClient, by: Json | None = None, **body: object) -> Json:
    answer = client.post("/v1/tokens", json=body, headers={} if by is None else bearer(by))
    assert answer.status_code == 201, answer.text
    token: Json = answer.json()
    return token


@pytest.fixture
def secured(own_client: TestClient) -> tuple[TestClient, Json]:
    return own_client, made(own_client, role="admin")


def test_with_the_first_token_the_service_is_closed_to_strangers(own_client: TestClient) -> None:
    assert own_client.get("/v1/studies").status_code == 200
    admin = made(own_client, role="admin", name="first")
    assert len(admin["secret"]) == LENGTH
    assert admin["secret"].startswith(admin["prefix"])
    refused = own_client.get("/v1/studies")
    assert (refused.status_code, refused.json()["type"]) == (401, "token-refused")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert own_client.get("/v1/studies", headers=bearer(admin)).status_code == 200


def test_the_first_token_can_manage_tokens(own_client: TestClient) -> None:
    for body in ({"role": "worker"}, {"role": "admin", "scopes": ["cifar-*"]}):
        refused = own_client.post("/v1/tokens", json=body)
        assert refused.status_code == 422
        assert "first token" in refused.json()["detail"]
    assert own_client.get("/v1/studies").status_code == 200


def test_a_revoked_token_is_refused_at_once(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker")
    assert client.get("/v1/me", headers=bearer(worker)).json()["role"] == "worker"
    assert client.delete(f"/v1/tokens/{worker['id']}", headers=bearer(admin)).status_code == 200
    refused = client.get("/v1/me", headers=bearer(worker))
    assert refused.status_code == 401
    assert "was revoked" in refused.json()["detail"]


def test_the_last_token_that_manages_tokens_is_revoked_by_force_alone(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    path = f"/v1/tokens/{admin['id']}"
    refused = client.delete(path, headers=bearer(admin))
    assert (refused.status_code, refused.json()["type"]) == (409, "last-admin")
    assert client.delete(f"{path}?force=true", headers=bearer(admin)).status_code == 200
    assert client.get("/v1/studies").status_code == 401, "it never falls open again"


def test_a_rotated_token_keeps_its_id_and_its_old_secret_for_the_grace(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker")
    path = f"/v1/tokens/{worker['id']}/rotate"
    new = client.post(path, json={"grace_seconds": 60}, headers=bearer(admin)).json()
    assert new["id"] == worker["id"]
    assert [client.get("/v1/me", headers=bearer(one)).status_code for one in (worker, new)] == [200, 200]
    told = [client.get("/v1/me", headers=bearer(one)).json() for one in (worker, new)]
    assert told[0]["former"]["prefix"] == worker["prefix"]
    assert [one["token"]["prefix"] for one in told] == [new["prefix"]] * 2
    assert told[1]["former"] is None
    left = datetime.fromisoformat(told[0]["former"]["holds_until"]) - datetime.now(UTC)
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)
    newer = client.post(path, json={}, headers=bearer(admin)).json()
    assert [client.get("/v1/me", headers=bearer(one)).status_code for one in (worker, new, newer)] == [401, 401, 200]


def test_a_token_is_for_the_studies_in_its_scope(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    for name in ("cifar-1", "mnist"):
        assert client.post("/v1/studies", json={"name": name}, headers=bearer(admin)).status_code == 201
    viewer = made(client, admin, role="viewer", scopes=["cifar-*"])
    assert client.get("/v1/studies/cifar-1", headers=bearer(viewer)).status_code == 200
    for name in ("mnist", "absent"):
        assert client.get(f"/v1/studies/{name}", headers=bearer(viewer)).status_code == 403
    assert [one["name"] for one in client.get("/v1/studies", headers=bearer(viewer)).json()["items"]] == ["cifar-1"]


def test_a_refusal_says_what_to_ask_for_and_every_command_in_it_runs_as_typed(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker", scopes=["cifar-*"])
    gone = made(client, admin, role="worker")
    client.delete(f"/v1/tokens/{gone['id']}", headers=bearer(admin))
    asked = [("/v1/tokens", worker), ("/v1/studies/mnist", worker), ("/metrics", worker), ("/v1/me", gone)]
    told = [client.get(path, headers=bearer(by)).json()["detail"] for path, by in asked]
    told += [client.get("/v1/me", headers=sent).json()["detail"] for sent in ({}, {"Authorization": "Bearer lrt_x"})]
    for detail, ask in zip(told, ("token of role admin", "token for that study", "ask an admin for one"), strict=False):
        assert ask in detail
    commands = [command for detail in told for command in re.findall(r"`lrtune (token create[^`]*)`", detail)]
    assert len(commands) == 3
    for command in commands:
        _, name, *arguments = shlex.split(command)
        typed = get_command(app).commands[name].make_context(name, arguments)  # type: ignore[attr-defined]
        assert typed.params["role"] == "worker"


def test_a_worker_is_told_that_the_study_it_would_load_is_not_there(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker", scopes=["cifar-*"])
    body = {"name": "cifar-1", "if_exists": "load"}
    told = client.post("/v1/studies", json=body, headers=bearer(worker)).json()["detail"]
    assert "there is no study 'cifar-1'" in told
    assert "`lrtune study create cifar-1`" in told
    beyond = client.post("/v1/studies", json={**body, "name": "mnist"}, headers=bearer(worker)).json()["detail"]
    assert "not for 'mnist'" in beyond


def test_a_worker_creates_no_study_that_is_deleted_while_it_is_let_in(
    secured: tuple[TestClient, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker")
    plain = studies._check_may_create

    def deleting(body: NewStudy, *more: object) -> None:
        plain(body, *more)  # type: ignore[arg-type]
        engine = client.app.state.container.engine  # type: ignore[attr-defined]
        engine.delete(engine.load_name(body.name))

    body = {"name": "cifar-1", "if_exists": "load"}
    assert client.post("/v1/studies", json=body, headers=bearer(admin)).status_code == 201
    monkeypatch.setattr(studies, "_check_may_create", deleting)
    answer = client.post("/v1/studies", json=body, headers=bearer(worker))
    assert (answer.status_code, answer.json()["type"]) == (404, "study-not-found")
    assert client.get("/v1/studies", headers=bearer(admin)).json()["items"] == []


def test_a_worker_loads_a_study_and_creates_none(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    worker = made(client, admin, role="worker", scopes=["cifar-*"])
    body = {"name": "cifar-1", "if_exists": "load"}
    assert client.post("/v1/studies", json=body, headers=bearer(worker)).status_code == 403
    assert client.post("/v1/studies", json=body, headers=bearer(admin)).status_code == 201
    assert client.post("/v1/studies", json=body, headers=bearer(worker)).status_code == 200


def test_past_studies_tell_nothing_to_who_may_not_see_them(secured: tuple[TestClient, Json]) -> None:
    client, admin = secured
    tags = {"optimizer": "sgd-of-old", "family": "secret-net"}
    assert client.post("/v1/studies", json={"name": "past", "tags": tags}, headers=bearer(admin)).status_code == 201
    for rate in (1e-5, 1e-4, 1e-3, 0.01, 0.07):
        point = {"params": {"learning_rate": rate}, "value": 1 - rate}
        recorded = client.post("/v1/studies/past/trials/record", json=point, headers=bearer(admin))
        assert recorded.status_code == 201
    wanted = {"optimizer": "sgd-of-old", "family": "secret-net"}
    others = made(client, admin, role="admin", scopes=["cifar-*"])

    def told(token: Json, name: str) -> str:
        answer = client.post("/v1/suggestions", json=wanted, headers=bearer(token)).json()["explanation"]
        new = {"name": name, "tags": tags}
        assert client.post("/v1/studies", json=new, headers=bearer(token)).status_code == 201
        path = f"/v1/studies/{name}/suggestion"
        return str(answer + client.get(path, headers=bearer(token)).json()["explanation"])

    assert told(admin, "mine").count("best rate of one study") == 2
    assert "best rate" not in told(others, "cifar-1")
