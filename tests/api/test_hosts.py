"""Who may talk to the service: those who call it by its name, and pages that it served itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lrtune.service.api.middleware.hosts import AllowedHosts
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import assert_problem

At = Callable[..., TestClient]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[At]:
    """A service with these settings; `Host` and `Origin` are given with each request."""
    clients: list[TestClient] = []

    def start(**settings: object) -> TestClient:
        given = {
            "storage": f"sqlite:///{tmp_path}/{len(clients)}.db",
            "allowed_hosts": (),
            "dashboard": True,
            **settings,
        }
        client = TestClient(create_app(Settings.model_validate(given)), base_url="http://127.0.0.1:8080")
        clients.append(client)
        return client.__enter__()

    yield start
    for client in clients:
        client.__exit__(None, None, None)


LOOPBACK = ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1", "127.0.0.1:9", "127.1.2.3", "[::1]", "[::1]:8080"]
ADDRESSES = ["10.1.2.3", "10.1.2.3:8080", "[fd00::1]:8080"]
STRANGE = [
    *(
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
    ),
    *("", ":8080", "localhost@evil", "xn--localhost", "[::1].evil", "[evil]", "localhost/", "127.0.0.1, evil.example"),
]


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_service_answers_to_loopback_names(host: str) -> None:
    for listening in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1"):
        assert AllowedHosts(listening).takes_host(host.encode())


@pytest.mark.parametrize("host", STRANGE)
def test_no_service_answers_to_a_name_that_nobody_gave_it(host: str) -> None:
    for listening in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "10.0.0.1"):
        assert not AllowedHosts(listening, ["gpu-box", "lab:9000"]).takes_host(host.encode())


@pytest.mark.parametrize("host", ADDRESSES)
def test_a_service_beyond_loopback_answers_to_addresses_and_one_on_loopback_does_not(host: str) -> None:
    assert AllowedHosts("0.0.0.0").takes_host(host.encode())
    assert AllowedHosts("gpu-box").takes_host(host.encode())
    assert not AllowedHosts("127.0.0.1").takes_host(host.encode())


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        *(("gpu-box", True), ("GPU-box:1", True), ("gpu-box.", True), ("gpu-box2", False)),
        *(("lab:9000", True), ("lab", False), ("lab:9001", False), ("[fd00::2]:80", True)),
    ],
)
def test_a_service_answers_to_the_names_that_it_was_given(host: str, taken: bool) -> None:
    allowed = AllowedHosts("127.0.0.1", ["gpu-box", "lab:9000", "[fd00::2]"])
    assert allowed.takes_host(host.encode()) is taken
    assert allowed.takes_host(host.encode()) is taken
    assert AllowedHosts("127.0.0.1", ["*"]).takes_host(host.encode())


@pytest.mark.parametrize(
    ("origin", "host", "taken"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True),
        ("http://localhost:8080", "localhost:8080", True),
        ("http://localhost", "localhost:80", True),
        ("https://lab.example", "lab.example", True),
        ("https://lab.example", "127.0.0.1:8080", True),
        ("https://lab.example:8443", "127.0.0.1:8080", False),
        ("http://gpu-box:9000", "127.0.0.1:8080", True),
        ("http://gpu-box", "127.0.0.1:8080", False),
        ("http://localhost:3000", "localhost:8080", False),
        ("http://localhost:8080", "127.0.0.1:8080", False),
        ("http://evil.example", "127.0.0.1:8080", False),
        ("http://evil.example:8080", "127.0.0.1:8080", False),
        ("null", "127.0.0.1:8080", False),
        ("", "127.0.0.1:8080", False),
        ("file://", "127.0.0.1:8080", False),
        ("chrome-extension://127.0.0.1:8080", "127.0.0.1:8080", False),
        ("http://127.0.0.1:8080", "", False),
    ],
)
def test_a_page_may_use_the_service_that_served_it(origin: str, host: str, taken: bool) -> None:
    allowed = AllowedHosts("127.0.0.1", ["lab.example", "gpu-box:9000"])
    assert allowed.takes_origin(origin.encode(), host.encode(), "http") is taken
    assert not AllowedHosts("127.0.0.1", ["*"]).takes_origin(b"http://evil.example", host.encode(), "http")


CALLS = [
    *(("GET", "/healthz"), ("GET", "/v1/studies"), ("POST", "/v1/studies"), ("DELETE", "/v1/studies/s")),
    *(("POST", "/v1/studies/s/trials"), ("POST", "/v1/studies/s/trials/0/heartbeat"), ("OPTIONS", "/v1/studies")),
    *(("GET", "/dashboard"), ("GET", "/api/studies"), ("POST", "/api/studies"), ("DELETE", "/api/studies/1")),
    *(("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/metrics"), ("GET", "/nothing")),
]


def test_a_page_that_took_the_services_address_by_dns_rebinding_reaches_nothing(at: At) -> None:
    client = at()
    for method, path in CALLS:
        headers = {"host": "evil.example:8080", "origin": "http://evil.example:8080"}
        found = assert_problem(client.request(method, path, headers=headers), 421, "host-not-allowed")
        assert "LRTUNE_ALLOWED_HOSTS=evil.example" in found["detail"]
    counted = 'lrtune_requests_total{method="POST",route="other",status="421"} 4.0'
    assert counted in client.get("/metrics").text.splitlines()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:3000"])
def test_a_page_of_another_site_reaches_nothing(at: At, origin: str) -> None:
    client = at()
    for method, path in CALLS:
        response = client.request(method, path, headers={"origin": origin}, content=b"")
        assert "access-control-allow-origin" not in response.headers
        assert origin in assert_problem(response, 403, "origin-not-allowed")["detail"]
    assert client.post("/v1/studies", json={"name": "s"}, headers={"origin": "http://127.0.0.1:8080"}).is_success
    assert client.post("/v1/studies", json={"name": "t"}).is_success


def test_of_two_hosts_each_has_to_be_allowed(at: At) -> None:
    client = at()
    for hosts in (["127.0.0.1", "evil.example"], ["evil.example", "127.0.0.1"]):
        assert client.get("/healthz", headers=[("host", host) for host in hosts]).status_code == 421


@pytest.mark.parametrize("written", ["gpu-box,lab:9000", " gpu-box , , lab:9000 ", ("gpu-box", "lab:9000")])
def test_hosts_are_separated_by_commas(written: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.model_validate({"allowed_hosts": written}).allowed_hosts == ("gpu-box", "lab:9000")
    if isinstance(written, str):
        monkeypatch.setenv("LRTUNE_ALLOWED_HOSTS", written)
        assert Settings().allowed_hosts == ("gpu-box", "lab:9000")


@pytest.mark.parametrize("written", ["http://gpu-box", "gpu box", "gpu-box/", "*.example", "a:b"])
def test_what_is_no_host_is_refused_with_the_form_it_has_to_have(written: str) -> None:
    with pytest.raises(ValueError, match="NAME or NAME:PORT"):
        Settings.model_validate({"allowed_hosts": written})


# The dashboard


def _can_write(client: TestClient) -> bool:
    """Whether the dashboard can make and delete a study."""
    headers = {"origin": "http://127.0.0.1:8080"}
    body = {"study_name": "of-the-dashboard", "directions": ["minimize"]}
    made = client.post("/api/studies", json=body, headers=headers)
    if made.status_code != 403:
        assert made.is_success, made.text
        made_id = made.json()["study_summary"]["study_id"]
        assert client.delete(f"/api/studies/{made_id}", headers=headers).is_success
        return True
    for method, path in (
        ("DELETE", "/api/studies/1"),
        ("PUT", "/api/studies/1/note"),
        ("PATCH", "/api"),
        ("X", "/csv"),
    ):
        found = assert_problem(client.request(method, path, headers=headers), 403, "dashboard-read-only")
        assert "LRTUNE_DASHBOARD_WRITES" in found["detail"]
    return False


@pytest.mark.parametrize("listening", ["127.0.0.1", "::1", "localhost"])
def test_the_dashboard_can_write_on_loopback(at: At, listening: str) -> None:
    assert _can_write(at(host=listening))


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", "10.0.0.1", "gpu-box"])
def test_the_dashboard_is_read_only_beyond_loopback_unless_it_is_allowed_to_write(at: At, listening: str) -> None:
    client = at(host=listening)
    assert not _can_write(client)
    for path in ("/dashboard", "/api/studies", "/api/meta"):
        assert client.get(path).status_code == 200
        assert client.head(path).status_code < 400
    assert client.post("/v1/studies", json={"name": "s"}).is_success
    assert _can_write(at(host=listening, dashboard_writes=True))


@pytest.mark.parametrize(
    ("asked_by", "origin", "status"),
    [
        ("https", "https://localhost", 200),
        ("https", "http://localhost", 403),
        ("https", "http://localhost:443", 403),
        ("http", "http://localhost", 200),
        ("http", "https://localhost", 200),  # By a proxy that ends TLS and does not say so.
    ],
)
def test_a_page_that_came_unencrypted_may_not_use_a_service_that_is_asked_by_https(
    at: At, asked_by: str, origin: str, status: int
) -> None:
    answer = at().get(f"{asked_by}://localhost/v1/studies", headers={"Origin": origin})
    assert answer.status_code == status
