"""Whatever headers a request lacks or brings, and however its path and query are written, it is answered."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.calls import assert_problem
from tests.api.conftest import create
from tests.api.test_any_input import BOUNDED

OURS = ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/studies", "/v1/schedules"]
BELOW = [
    *("", "/status", "/suggestion", "/response", "/replays", "/range-tests"),
    *("/trials", "/trials/0", "/trials.csv", "/trials/0/replay"),
]
DASHBOARD = [
    "/optuna",
    "/optuna/",
    "/dashboard",
    "/dashboard/studies/1",
    "/api/meta",
    "/api/studies",
    "/static/bundle.js",
]
SENT_BY_DEFAULT = ["accept", "accept-encoding", "connection", "user-agent", "host"]
ODD_HEADERS = {
    "accept": ["", "text/html;q=x", "\xff", "*"],
    "accept-encoding": ["", "gzip", "identity;q=0", "br, *;q=0", "\xff"],
    "if-none-match": ["", '"', "*", 'W/"1.1"', "\xff"],
    "if-modified-since": ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "\xff"],
    "range": ["bytes=0-1", "bytes=9-1", "bytes=x", "lines=1"],
    "content-type": ["", ";", "application/json"],
    "cookie": ["", "=", "a=\xff; b"],
    "authorization": ["", "Bearer", "Basic !!!"],
    "x-forwarded-for": ["", "evil"],
    "content-length": ["0"],
}


@pytest.fixture(scope="module")
def paths(client: TestClient) -> list[str]:
    study = create(client, max_steps=5)
    study.finish(study.lease(), value=0.5)
    return [*OURS, *(study.path + below for below in BELOW), *DASHBOARD]


def _get(client: TestClient, path: str, headers: list[tuple[str, bytes]], *, without: str | None = None) -> int:
    request = client.build_request("GET", path, headers=[(name.encode(), value) for name, value in headers])
    if without is not None:
        request.headers.pop(without, None)
    return client.send(request, follow_redirects=True).status_code


@pytest.mark.parametrize("without", SENT_BY_DEFAULT)
def test_every_path_is_served_without_any_of_the_usual_headers(
    client: TestClient, paths: list[str], without: str
) -> None:
    for path in paths:
        assert _get(client, path, [], without=without) in (200, 404), path


@pytest.mark.parametrize("name", ODD_HEADERS)
def test_every_path_is_served_whatever_a_header_says(client: TestClient, paths: list[str], name: str) -> None:
    for path in paths:
        for value in ODD_HEADERS[name]:
            assert _get(client, path, [(name, value.encode("latin-1"))]) < 500, (path, value)


ODD = [
    "%00",
    "%ff",
    "%ed%a0%80",
    "%0a",
    "%2e%2e",
    "%2f",
    "é",
    "😀",
    "a" * 2000,
    "-1",
    "9" * 30,
    "0x1",
    "%",
    "%zz",
    "*",
    "'",
    '"',
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd[:12])
def test_an_odd_path_or_query_is_answered(each_client: TestClient, odd: str) -> None:
    study = create(each_client).path
    for path in (
        *(f"/v1/studies/{odd}", f"/v1/studies/{odd}/status", f"/v1/studies/{odd}/trials/0", f"{study}/trials/{odd}"),
        *(
            f"{study}/range-tests/{odd}",
            f"{study}/trials?cursor={odd}",
            f"/v1/studies?cursor={odd}",
            f"{study}/status?after={odd}",
        ),
        *(
            f"/static/{odd}",
            f"/api/studies/{odd}",
            f"/api/{odd}",
            f"/csv/{odd}",
            f"/dashboard/{odd}",
            f"/api/studies?{odd}={odd}",
        ),
        *(f"/{odd}", f"/optuna/{odd}", f"/docs/{odd}"),
    ):
        response = each_client.get(path, follow_redirects=False)
        assert response.status_code < 500, (path, response.text)
    for method, path in (
        *(
            ("POST", f"/v1/studies/{odd}/trials"),
            ("POST", f"/v1/studies/{odd}/trials/0/heartbeat"),
            ("DELETE", f"/v1/studies/{odd}"),
        ),
        *(("POST", f"{study}/trials/{odd}/heartbeat"), ("PATCH", f"/v1/studies/{odd}")),
    ):
        response = each_client.request(method, path, json={"lease": "x"} if "heartbeat" in path else {})
        assert_problem(response, response.status_code)
        assert response.status_code in (400, 404, 405, 422), (path, response.text)


@settings(parent=BOUNDED, max_examples=60)
@given(query=st.binary(max_size=20))
def test_any_bytes_in_a_query_are_answered(client: TestClient, query: bytes) -> None:
    for path in ("/api/studies", "/static/bundle.js", "/v1/studies", "/v1/schedules"):
        assert _status(client, path, query) < 500


def _status(client: TestClient, path: str, query: bytes) -> int:
    """The status of a request that an HTTP client of ours would not send."""
    scope: dict[str, Any] = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": path, "raw_path": path.encode(), "root_path": "", "query_string": query},
        **{"headers": [(b"host", b"127.0.0.1")], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1)},
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def call() -> None:
        await client.app(scope, receive, send)  # type: ignore[arg-type,call-arg,misc,func-returns-value]

    assert client.portal is not None
    client.portal.call(call)
    status: int = sent[0]["status"]
    return status
