"""Limits by token and by address, over HTTP."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lrtune.service.api.middleware.limiting import kind_of
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.api.calls import Json
from tests.api.secured import Secured, bearer, served
from tests.conftest import new_postgres
from tests.support import migrated


@pytest.fixture(params=["sqlite", "postgresql"])
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Secured]:
    if request.param == "sqlite":
        with served(f"sqlite:///{tmp_path}/limits.db") as secured:
            yield secured
    else:
        admin_url = request.getfixturevalue("postgres_admin_url")
        with new_postgres(admin_url) as url, served(url) as secured:
            yield secured


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with served(f"sqlite:///{tmp_path}/limits.db") as secured:
        yield secured


def check_refused(answer: Json, limit: str, allowed: float, set_by: str = "token", status: int = 429) -> None:
    assert (answer["status"], answer["limit"], answer["allowed"], answer["set_by"]) == (status, limit, allowed, set_by)
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert limit in answer["detail"].lower()
    if status == 429:
        assert answer["type"] == "too-many-requests"
        assert int(answer["headers"]["Retry-After"]) >= 1


def test_requests_beyond_the_rate_are_refused_and_every_answer_tells_what_is_left(secured: Secured) -> None:
    viewer = secured.token("viewer", requests_per_second=0.04)
    first = secured("GET", "/v1/studies", by=viewer)
    assert first["status"] == 200
    assert first["headers"]["RateLimit-Policy"] == '"requests";q=1;w=25'
    assert first["headers"]["RateLimit"].startswith('"requests";r=0;t=')
    last = secured("GET", "/v1/studies", by=viewer)
    check_refused(last, "requests_per_second", 0.04)
    assert last["headers"]["RateLimit"].startswith('"requests";r=0;t=')
    assert "RateLimit" not in secured("GET", "/v1/studies", by=secured.admin)["headers"]


def test_no_door_is_left_open_beside_the_rate(secured: Secured) -> None:
    for path in ("/docs", "/metrics", "/dashboard", "/v1/studies/s/trials", "/nowhere"):
        viewer = secured.token("admin", requests_per_second=0.01)
        assert secured("GET", path, by=viewer)["status"] in (200, 404), path
        check_refused(secured("GET", path, by=viewer), "requests_per_second", 0.01)


def test_asks_have_a_rate_of_their_own(secured: Secured) -> None:
    worker = secured.token(asks_per_second=0.01)
    leased = secured.ask(worker, "1")
    assert leased["status"] == 201
    check_refused(secured.ask(worker, "2"), "asks_per_second", 0.01)
    assert secured.report(worker, leased, 1)["status"] == 200


def test_trials_are_counted_once_however_often_they_are_asked_for(each: Secured) -> None:
    worker = each.token("admin", trials_per_hour=3)
    one = each.ask(worker, "1")
    for _ in range(3):
        assert each.ask(worker, "1")["number"] == one["number"]
    point = {"params": {"learning_rate": 0.1}, "request_id": "r"}
    assert each("POST", "/v1/studies/s/trials/enqueue", point, by=worker)["status"] == 201
    assert each("POST", "/v1/studies/s/trials/enqueue", point, by=worker)["status"] == 200
    recorded = {"params": {"learning_rate": 0.2}, "value": 0.5}
    assert each("POST", "/v1/studies/s/trials/record", recorded, by=worker)["status"] == 201
    for body, path in ((recorded, "record"), ({"params": {"learning_rate": 0.3}}, "enqueue")):
        check_refused(each("POST", f"/v1/studies/s/trials/{path}", body, by=worker), "trials_per_hour", 3)
    check_refused(each.ask(worker, "2"), "trials_per_hour", 3)
    assert each.ask(worker, "1")["number"] == one["number"]
    trials = each("GET", "/v1/studies/s/trials", by=each.admin)["items"]
    assert len(trials) == 3


def test_an_ask_that_gets_no_trial_costs_none(secured: Secured) -> None:
    secured("PATCH", "/v1/studies/s", {"max_trials": 1}, by=secured.admin)
    secured.ask(secured.admin, "1")
    worker = secured.token(trials_per_hour=1)
    for number in range(4):
        assert secured.ask(worker, f"w{number}")["status"] == 200
    assert secured("POST", "/v1/studies/none/trials", {"worker": "w", "request_id": "x"}, by=worker)["status"] == 404
    secured("PATCH", "/v1/studies/s", {"max_trials": 2}, by=secured.admin)
    assert secured.ask(worker, "new")["status"] == 201


def test_steps_are_counted_once_and_refused_before_anything_is_kept(each: Secured) -> None:
    worker = each.token(steps_per_hour=5)
    leased = each.ask(worker, "1")
    for _ in range(3):
        assert each.report(worker, leased, 1, 2, 3)["status"] == 200
    stale = {**leased, "lease": "not-this-one"}
    for _ in range(3):
        assert each.report(worker, stale, 4)["status"] == 409
    check_refused(each.report(worker, leased, 3, 4, 5, 6), "steps_per_hour", 5)
    curve = each("GET", f"/v1/studies/s/trials/{leased['number']}", by=each.admin)["curve"]
    assert [point["step"] for point in curve] == [1, 2, 3]
    assert each.report(worker, leased, 3, 4, 5)["status"] == 200
    curve = {"params": {"learning_rate": 0.1}, "reports": [{"step": 1, "value": 0.5}], "state": "complete"}
    check_refused(each("POST", "/v1/studies/s/trials/record", curve, by=worker), "steps_per_hour", 5)
    check_refused(each.report(worker, leased, *range(6, 20)), "steps_per_hour", 5, status=413)


def test_a_body_that_does_not_tell_its_length_is_counted_too(secured: Secured) -> None:
    worker = secured.token(steps_per_hour=2, trials_per_hour=1, body_bytes=2000)

    def post(path: str, body: bytes) -> Json:
        parts = iter([body[:20], body[20:]])
        headers = bearer(worker) | {"content-type": "application/json"}
        answer = secured.client.post(f"/v1/studies/s/{path}", content=parts, headers=headers)
        return {**answer.json(), "status": answer.status_code, "headers": answer.headers}

    leased = post("trials", b'{"worker": "w", "request_id": "1"}')
    assert leased["status"] == 201
    check_refused(post("trials", b'{"worker": "w", "request_id": "2"}'), "trials_per_hour", 1)
    many = b'{"lease": "%s", "reports": [{"step": 1, "value": 1}, {"step": 2, "value": 1}]}' % leased["lease"].encode()
    assert post(f"trials/{leased['number']}/reports", many)["status"] == 200
    check_refused(post(f"trials/{leased['number']}/reports", many.replace(b": 2", b": 3")), "steps_per_hour", 2)
    check_refused(post("trials", b" " * 3000), "body_bytes", 2000, status=413)


def test_a_body_beyond_the_tokens_limit_is_refused_with_that_limit(secured: Secured) -> None:
    worker = secured.token(body_bytes=100)
    check_refused(secured.ask(worker, "x" * 90), "body_bytes", 100, status=413)
    assert secured.ask(worker, "x")["status"] == 201


def test_no_more_studies_are_created_than_allowed_and_a_deleted_one_makes_room(each: Secured) -> None:
    admin = each.token("admin", studies=2)
    assert [each.create(f"own-{number}", admin)["status"] for number in range(3)] == [201, 201, 409]
    refused = each.create("own-2", admin)
    assert refused["type"] == "too-many-studies"
    check_refused(refused, "studies", 2, status=409)
    assert each.create("own-0", admin, if_exists="load")["status"] == 200
    assert each.create("others", each.admin)["status"] == 201
    assert each("DELETE", "/v1/studies/own-1", by=admin)["status"] == 204
    assert each.create("own-2", admin)["status"] == 201


@pytest.mark.parametrize("query", [b"wait_seconds=2", b"wait%5Fseconds=2", b"a=1&%77ait_seconds=2"])
def test_a_long_poll_is_a_stream_however_its_query_is_written(query: bytes) -> None:
    scope = {"type": "http", "method": "GET", "path": "/v1/studies/s/status", "query_string": query}
    assert kind_of(scope) == "stream"
    assert kind_of({**scope, "query_string": b"seconds=2"}) == "request"


def test_streams_of_a_token_are_limited(secured: Secured) -> None:
    viewer = secured.token("viewer", streams=1)
    gate = secured.client.app.state.container.gate  # type: ignore[attr-defined]
    principal = next(
        known.principal
        for known in secured.client.app.state.container.access.registry._by_digest.values()  # type: ignore[attr-defined]
        if known.token.token_id == viewer["id"]
    )
    poll = "/v1/studies/s/status?wait_seconds=0.1&after=0"
    with gate.stream(principal, None):
        for path in (poll, "/v1/studies/s/trials.csv"):
            check_refused(secured("GET", path, by=viewer), "streams", 1)
        assert secured("GET", "/v1/studies/s/status", by=viewer)["status"] == 200
    for _ in range(3):
        assert secured("GET", poll, by=viewer)["status"] == 200
        assert secured("GET", "/v1/studies/s/trials.csv", by=viewer)["status"] == 200


def test_settings_limit_tokens_without_limits_of_their_own(tmp_path: Path) -> None:
    with served(f"sqlite:///{tmp_path}/limits.db", limit_asks_per_second=0.01) as secured:
        worker = secured.token()
        assert secured.ask(worker, "1")["status"] == 201
        refused = secured.ask(worker, "2")
        check_refused(refused, "asks_per_second", 0.01, "service")
        assert "LRTUNE_LIMIT_ASKS_PER_SECOND" in refused["detail"]


def test_without_tokens_an_address_can_be_limited(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/limits.db"
    migrated.make(storage)
    app = create_app(Settings(storage=storage, limit_address_requests_per_second=0.04))
    with TestClient(app) as client:
        assert [client.get("/v1/studies").status_code for _ in range(2)] == [200, 429]
        assert client.get("/v1/studies").headers["Connection"] == "close"


def test_wrong_tokens_are_slowed_down_and_a_right_one_from_there_is_not(secured: Secured) -> None:
    wrong = {"secret": "lrt_" + "x" * 43}
    for _ in range(13):
        assert secured("GET", "/v1/studies", by=wrong)["status"] == 401
    slow: list[float] = []
    quick: list[float] = []
    for took, path, by, status in [
        *[(slow, "/v1/studies", wrong, 401)] * 2,
        *[(quick, "/v1/me", secured.admin, 200)] * 10,
    ]:
        began = time.monotonic()
        assert secured("GET", path, by=by)["status"] == status
        took.append(time.monotonic() - began)
    assert min(slow) > 0.045
    assert min(quick) < min(slow)
    metrics = secured.client.get("/metrics", headers=bearer(secured.admin)).text
    assert 'lrtune_tokens_refused_total{reason="unknown"} 15.0' in metrics


def test_what_a_limit_refused_is_counted(secured: Secured) -> None:
    viewer = secured.token("viewer", requests_per_second=0.01)
    for _ in range(3):
        secured("GET", "/v1/studies", by=viewer)
    worker = secured.token(trials_per_hour=1)
    for number in range(3):
        secured.ask(worker, str(number))
    metrics = secured.client.get("/metrics", headers=bearer(secured.admin)).text
    assert 'lrtune_requests_limited_total{limit="requests_per_second"} 2.0' in metrics
    assert 'lrtune_requests_limited_total{limit="trials_per_hour"} 2.0' in metrics
    assert 'status="429"' in metrics
