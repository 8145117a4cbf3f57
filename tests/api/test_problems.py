"""An error that is a kind of a known one is answered as that one is, by FastAPI's handler and on the fast lane."""

import asyncio
import json
from collections.abc import Callable

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.testclient import TestClient

from lrtune.service.api.http import problems
from lrtune.service.storage.errors import NotStorable, StorageUnavailable, StorageUnsuitable, WriterBusy
from lrtune.service.tuning.errors import LeaseLost


class LeaseRevoked(LeaseLost):
    """A kind of lost lease."""


class DiskFull(StorageUnavailable):
    """A kind of storage that is away."""


class WriterDeposed(WriterBusy):
    """A kind of standby, which is itself a kind of storage that is away."""


Answered = Callable[[Exception], tuple[int, dict[str, object], str | None]]

ERRORS = [
    (LeaseRevoked("the lease was revoked; stop training"), 409, "lease-lost", None),
    (DiskFull("no space is left", retry_after_seconds=7.0), 503, "storage-unavailable", "7"),
    (NotStorable("a name holds a NUL character; send another"), 422, "not-storable", None),
    (StorageUnsuitable("a pooler is in between", retry_after_seconds=2.0), 503, "storage-unsuitable", "2"),
    (WriterDeposed("another process took over", retry_after_seconds=3.0), 503, "standby", "3"),
]


def _by_fastapi(error: Exception) -> tuple[int, dict[str, object], str | None]:
    app = FastAPI()
    problems.install(app)

    @app.get("/")
    def fail() -> None:
        raise error

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/")
    return response.status_code, response.json(), response.headers.get("Retry-After")


def _by_answer(error: Exception) -> tuple[int, dict[str, object], str | None]:
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""})
    response: JSONResponse = asyncio.run(problems.answer(request, error))
    return response.status_code, json.loads(response.body), response.headers.get("Retry-After")


@pytest.mark.parametrize("answered", [_by_fastapi, _by_answer])
@pytest.mark.parametrize(("error", "status", "kind", "retry_after"), ERRORS)
def test_an_error_answers_as_the_nearest_of_its_bases_does(
    answered: Answered, error: Exception, status: int, kind: str, retry_after: str | None
) -> None:
    got, body, header = answered(error)
    assert (got, body["type"], body["status"], header) == (status, kind, status, retry_after)
    assert body["detail"] == str(error)


@pytest.mark.parametrize("answered", [_by_fastapi, _by_answer])
def test_an_error_that_nobody_knows_is_a_500(answered: Answered) -> None:
    got, body, _ = answered(ValueError("secret"))
    assert (got, body["type"]) == (500, "internal-error")
    assert "secret" not in str(body)
