"""A service behind proxies: who is believed to have asked, and under which path it is shown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from lrtune.service.api.middleware.proxies import Forwarded
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import assert_problem

PROXIES = ["10.0.0.0/8", "127.0.0.1", "fd00::/8"]


def seen(peer: str, *headers: tuple[str, str], proxies: list[str] = PROXIES) -> tuple[str, str]:
    """The client's address and the scheme, as the app behind is told them."""
    found: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((scope["client"][0], scope["scheme"]))

    scope: dict[str, Any] = {
        "type": "http",
        "client": (peer, 1234),
        "scheme": "http",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    asyncio.run(Forwarded(app, proxies)(scope, None, None))  # type: ignore[arg-type]
    return found[0]


FOR, PROTO = "x-forwarded-for", "x-forwarded-proto"


def test_a_named_proxy_is_believed() -> None:
    assert seen("10.1.2.3", (FOR, "192.0.2.7"), (PROTO, "https")) == ("192.0.2.7", "https")
    assert seen("127.0.0.1", (FOR, "2001:db8::1")) == ("2001:db8::1", "http")
    assert seen("::ffff:10.1.2.3", (FOR, "192.0.2.7")) == ("192.0.2.7", "http")
    assert seen("fd00::9", (FOR, "192.0.2.7:4711")) == ("192.0.2.7", "http")


@pytest.mark.parametrize("peer", ["192.0.2.66", "::1", "11.0.0.1", "::ffff:11.0.0.1"])
def test_nobody_else_is(peer: str) -> None:
    assert seen(peer, (FOR, "10.0.0.1"), (PROTO, "https")) == (peer, "http")


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (["1.1.1.1, 192.0.2.7"], "192.0.2.7"),
        (["1.1.1.1, 192.0.2.7, 10.0.0.9"], "192.0.2.7"),
        (["1.1.1.1", "192.0.2.7"], "192.0.2.7"),
        (["127.0.0.1, 192.0.2.7"], "192.0.2.7"),
        (["10.0.0.8, 10.0.0.9"], "10.0.0.8"),
    ],
)
def test_what_a_client_says_of_itself_does_not_count(chain: list[str], client: str) -> None:
    """It stands left of what the proxies add."""
    assert seen("10.1.2.3", *((FOR, value) for value in chain))[0] == client


@pytest.mark.parametrize("value", ["", "unknown", "<script>", "1.2.3", "192.0.2.7, \xff", "a" * 5000, "[::1"])
def test_what_is_no_address_is_taken_for_the_proxys_own(value: str) -> None:
    assert seen("10.1.2.3", (FOR, value))[0] == "10.1.2.3"


def test_other_headers_and_schemes_are_left_unread() -> None:
    given = [("forwarded", "for=192.0.2.7"), ("x-real-ip", "192.0.2.7"), (PROTO, "gopher")]
    assert seen("10.1.2.3", *given) == ("10.1.2.3", "http")


def started(folder: Path, **settings: Any) -> TestClient:
    given = {
        "storage": f"sqlite:///{folder}/lrtune.db",
        "allowed_hosts": ("testserver",),
        "dashboard": True,
        **settings,
    }
    return TestClient(create_app(Settings.model_validate(given)), client=("127.0.0.1", 50000))


def test_without_a_setting_no_proxy_is_believed_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with started(tmp_path) as client:
        answer = client.get("/healthz", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"})
        assert "strict-transport-security" not in answer.headers
    with started(tmp_path, proxies="127.0.0.1") as client:
        answer = client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert "strict-transport-security" in answer.headers


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with started(tmp_path_factory.mktemp("prefixed"), root_path="/ml/lrtune/") as client:
        yield client


@pytest.mark.parametrize("left", ["/ml/lrtune", ""], ids=["left", "taken off"])
def test_a_path_before_the_service_is_left_there_or_taken_off(prefixed: TestClient, left: str) -> None:
    name = f"study{len(left)}"
    created = prefixed.post(f"{left}/v1/studies", json={"name": name, "max_steps": 3})
    assert created.status_code == 201, created.text
    asked = prefixed.post(f"{left}/v1/studies/{name}/trials", json={"worker": "w", "request_id": "r"})
    assert asked.status_code == 201, asked.text
    report = {"lease": asked.json()["lease"], "reports": [{"step": 1, "value": 0.5}]}
    path = f"{left}/v1/studies/{name}/trials/0/reports"
    assert prefixed.post(path, json=report).json()["verdict"] == "continue"
    assert prefixed.get(f"{left}/v1/studies/{name}/status").json()["trials"]["running"] == 1
    assert prefixed.get(f"{left}/healthz").status_code == 200
    assert prefixed.get(f"{left}/static-offline-docs/swagger-ui.css").status_code == 200


@pytest.mark.parametrize("left", ["/ml/lrtune", ""], ids=["left", "taken off"])
def test_pages_ask_for_what_is_below_that_path(prefixed: TestClient, left: str) -> None:
    page = prefixed.get(f"{left}/docs").text
    assert "/ml/lrtune/openapi.json" in page
    assert 'src="/ml/lrtune/static-offline-docs/swagger-ui-bundle.js"' in page
    assert prefixed.get(f"{left}/openapi.json").json()["servers"] == [{"url": "/ml/lrtune"}]
    moved = prefixed.get(f"{left}/v1/studies/", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "http://testserver/ml/lrtune/v1/studies")


def test_only_one_such_path_is_taken_off_and_only_a_whole_one(prefixed: TestClient) -> None:
    for path in ("/ml/lrtunes/healthz", "/ml/lrtune/ml/lrtune/healthz", "/ml/healthz"):
        assert prefixed.get(path).status_code == 404


def test_the_dashboard_which_cannot_be_shown_under_a_path_says_so(prefixed: TestClient) -> None:
    for path in ("/ml/lrtune/optuna/", "/optuna"):
        answer = prefixed.get(path, follow_redirects=False)
        assert_problem(answer, 404, "dashboard-at-root-only")
        assert "host name of its own" in answer.json()["detail"]
    assert prefixed.get("/dashboard").status_code == 200  # At its own address.


def test_with_a_path_before_it_the_service_asks_for_a_token_as_without(tmp_path: Path) -> None:
    with started(tmp_path, root_path="/lr") as client:
        secret = client.post("/lr/v1/tokens", json={"role": "admin"}).json()["secret"]
        for path in (
            "/lr/v1/studies",
            "/v1/studies",
            "/lr/docs",
            "/docs",
            "/lr/dashboard",
            "/dashboard",
            "/lr/metrics",
        ):
            assert client.get(path).status_code == 401, path
            assert client.get(path, headers={"Authorization": f"Bearer {secret}"}).status_code == 200, path
        for path in ("/lr/healthz", "/healthz", "/lr/readyz"):
            assert client.get(path).status_code == 200
