"""What every answer tells browsers."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import StudyCalls

ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "lrtune-version": "1",
}


def policy(client: TestClient, path: str) -> dict[str, str]:
    found = client.get(path).headers["content-security-policy"]
    return {part.split()[0]: part.partition(" ")[2] for part in found.split("; ")}


def test_every_answer_has_them_whoever_gives_it(study: StudyCalls) -> None:
    client = study.client
    answers = [
        client.get("/healthz"),
        client.get("/docs"),
        client.get("/static-offline-docs/swagger-ui.css"),
        client.get("/openapi.json"),
        client.get("/metrics"),
        client.get("/dashboard"),
        client.get("/optuna", follow_redirects=False),
        client.get("/nowhere"),
        client.get(f"{study.path}/trials.csv"),
        study.ask(),  # In the fast lane.
        study.post("/trials", {"worker": 1}),
        client.get("/healthz", headers={"Host": "evil.example"}),
        client.get("/healthz", headers={"Origin": "https://evil.example"}),
        client.post("/v1/scaling", content=b"x" * 2_000_000),
    ]
    assert {answer.status_code for answer in answers} == {200, 201, 307, 403, 404, 413, 421, 422}
    for answer in answers:
        assert {name: answer.headers.get_list(name) for name in ALWAYS} == {
            name: [value] for name, value in ALWAYS.items()
        }
        assert len(answer.headers.get_list("content-security-policy")) == 1


def test_an_error_that_nobody_foresaw_has_them(own_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_client.app.state.container.metrics, "engine", None)  # type: ignore[attr-defined]
    answer = own_client.get("/metrics")
    assert answer.status_code == 500
    assert ALWAYS.items() <= dict(answer.headers).items()


def test_what_is_no_page_may_load_nothing(study: StudyCalls) -> None:
    assert policy(study.client, study.path) == {"default-src": "'none'", "frame-ancestors": "'none'"}


def test_the_documentation_runs_its_own_scripts_and_no_others(client: TestClient) -> None:
    found = policy(client, "/docs")
    assert found["frame-ancestors"] == "'none'"
    own, digest = found["script-src"].split()
    assert own == "'self'"
    assert digest.startswith("'sha256-")
    assert "unsafe" not in found["script-src"]


def test_the_dashboard_keeps_the_policy_that_it_has(client: TestClient) -> None:
    assert "unsafe-eval" in client.get("/dashboard").headers["content-security-policy"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        *(("/v1/tokens", False), ("/v1/tokens/abc", False), ("/v1/me", False), ("/v1/audit?limit=1", False)),
        *(("/sign-in", False), ("/v1/tokensx", True), ("/healthz", True)),
    ],
)
def test_secrets_are_kept_in_no_cache(client: TestClient, path: str, kept: bool) -> None:
    assert (client.get(path).headers.get("cache-control") == "no-store") is not kept


@pytest.fixture(scope="module")
def by_https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(
        storage=f"sqlite:///{tmp_path_factory.mktemp('https')}/lrtune.db", allowed_hosts=("lr.example",)
    )
    with TestClient(create_app(settings), base_url="https://lr.example") as client:
        yield client


def test_browsers_stay_with_https_where_the_service_is_the_site_of_its_host(by_https: TestClient) -> None:
    assert by_https.get("/healthz").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("url", ["https://lr.example:8443/healthz", "http://lr.example/healthz"])
def test_other_services_of_the_host_are_not_cut_off(by_https: TestClient, url: str) -> None:
    """What a browser is told of a host holds for all its ports."""
    assert "strict-transport-security" not in by_https.get(url).headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_no_other_site_is_let_read_or_write(client: TestClient, method: str) -> None:
    headers = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    for path in ("/v1/studies", "/v1/tokens", "/healthz", "/dashboard"):
        preflight = client.options(path, headers=headers)
        assert preflight.status_code >= 400
        plain = client.request(method, path, headers=headers)
        for answer in (preflight, plain):
            assert not [name for name in answer.headers if name.startswith("access-control-")]
