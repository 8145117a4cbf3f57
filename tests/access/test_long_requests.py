"""Requests that take long: they end within a second of the revocation of the token that let them in."""

import asyncio
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from tests.access.conftest import Secured, bearer, secure
from tests.api.conftest import serving

POLL = "/v1/studies/cifar-1/status?wait_seconds=30&after=1000"
WITHIN_SECONDS = 5.0
"""Far less than the poll waits. A machine that has time for it needs less than one."""


@pytest.fixture
def client(secured: Secured) -> TestClient:
    assert secured.client.post("/v1/studies", json={"name": "cifar-1"}, headers=secured.headers).status_code == 201
    return secured.client


def revoke(secured: Secured, token_id: str) -> None:
    assert secured.client.delete(f"/v1/tokens/{token_id}", headers=secured.headers).status_code == 200


def rotate(secured: Secured, token_id: str) -> None:
    assert secured.client.post(f"/v1/tokens/{token_id}/rotate", json={}, headers=secured.headers).status_code == 200


@pytest.mark.parametrize("ending", [revoke, rotate])
def test_a_long_poll_ends_when_its_token_does(secured: Secured, client: TestClient, ending: Any) -> None:
    viewer = secured.make("viewer")
    with ThreadPoolExecutor(1) as threads:
        polling = threads.submit(client.get, POLL, headers=bearer(viewer["secret"]))
        time.sleep(1.0)  # Some looks, at which it held.
        assert not polling.done()
        ending(secured, viewer["id"])
        answer = polling.result(WITHIN_SECONDS)
    assert (answer.status_code, answer.json()["type"]) == (401, "token-refused")
    assert secured.status(secured.admin["secret"]) == 200


def test_a_long_poll_of_anyone_ends_with_the_first_token(tmp_path: object) -> None:
    with serving(f"sqlite:///{tmp_path}/lrtune.db") as client, ThreadPoolExecutor(1) as threads:
        assert client.post("/v1/studies", json={"name": "cifar-1"}).status_code == 201
        polling = threads.submit(client.get, POLL)
        time.sleep(0.2)
        secure(client)
        assert polling.result(WITHIN_SECONDS).status_code == 401


def test_a_long_poll_goes_on_through_the_grace_of_a_rotation(secured: Secured, client: TestClient) -> None:
    viewer = secured.make("viewer")
    with ThreadPoolExecutor(1) as threads:
        polling = threads.submit(client.get, POLL.replace("=30", "=3"), headers=bearer(viewer["secret"]))
        path = f"/v1/tokens/{viewer['id']}/rotate"
        assert client.post(path, json={"grace_seconds": 60}, headers=secured.headers).status_code == 200
        assert polling.result(20).status_code == 200


def test_a_long_answer_is_broken_off_when_its_token_ends(secured: Secured, client: TestClient) -> None:
    viewer = secured.make("viewer")
    sent: list[Message] = []
    begun: Future[None] = Future()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":  # Who reads does not go on.
            begun.set_result(None)
            await asyncio.Event().wait()

    secret = viewer["secret"].encode()
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "query_string": b"",
        "path": "/v1/studies/cifar-1/trials.csv", "root_path": "",
        "headers": [(b"host", b"testserver"), (b"authorization", b"Bearer " + secret)],
        "client": ("127.0.0.1", 1), "server": ("testserver", 80),
    }  # fmt: skip
    assert client.portal is not None
    answering = client.portal.start_task_soon(client.app, scope, receive, send)  # type: ignore[arg-type]
    begun.result(WITHIN_SECONDS)
    revoke(secured, viewer["id"])
    answering.result(WITHIN_SECONDS)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert secured.status(secured.admin["secret"]) == 200
