"""A request gets the same answer on the fast lane and from FastAPI, however odd it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.calls import StudyCalls
from tests.api.conftest import create
from tests.api.test_any_input import ANYTHING, BOUNDED

JSON = "application/json"
BODIES: dict[str, dict[str, Any]] = {
    "": {"worker": "w", "request_id": "r"},
    "/0/reports": {"lease": "LEASE", "reports": [{"step": 1, "value": 0.5}]},
    "/0/heartbeat": {"lease": "LEASE"},
    "/0/result": {"lease": "another", "state": "complete", "value": 0.5},
    "/0/release": {"lease": "another", "checkpoint": {"uri": "u", "step": 1}},
}
"""A good body for each call of the fast lane."""

NO_JSON = [
    *(b"{", b"}", b"{]", b'{"lease": "x"', b"{'lease': 'x'}", b"lease=x", b"{lease: 1}", b'{"lease": "x",}', b"tru"),
    *(b"\xff\xfe{\x00}\x00", b"{\x00}\x00", b'{"lease": "\xff"}', b'{"lease": "\xed\xa0\x80"}', b'{"lease": "\x00"}'),
    *(b'{"lease": "\n"}', b'{"lease": "\\x"}', b'{"lease": "\\u12"}', b'{"lease": 01}', b'{"lease": .5}', b"{} {}"),
    *(b" ", b"// {}", b"[" * 300 + b"]" * 300, b"[" * 100_000, b'{"a":' * 300 + b"1" + b"}" * 300, b"1" * 5000),
]
JSON_BUT = [
    *(b"[]", b"null", b'"text"', b"1", b"1.5", b"true", b"{}", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"[{}]"),
    *(b'{"lease": NaN}', b'{"lease": 1e400}', b'{"lease": -0}', b'{"lease": "\\ud800"}', b'{"\\ud800": 1}'),
    *(b'{"lease": "x", "lease": 1}', b'{"lease": 1, "lease": 2}', b'{"lease": null}', b'{"a": 1, "a": 2}'),
    *(b'{"lease": "\\u0000"}', b'{"": 1}', b'{"lease": ' + b"1" * 400 + b"}", b'{"worker": {}, "reports": {}}'),
    *(b"[" * 100 + b"]" * 100, b'{"reports": [{"step": 1.0, "value": "nan"}, {"step": 2.5}, 3]}'),
]
TYPES = [
    *("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=latin-1"),
    *("application/jsonx", "application/problem+json", "application/x+json; a=b", "application/json, text/plain"),
    *("text/plain", "text/json", "application", "json", "", ";", "application/x-www-form-urlencoded", "*/*"),
]


@pytest.fixture(scope="module")
def leased(client: TestClient) -> Iterator[tuple[StudyCalls, str]]:
    study = create(client, sampler={"name": "random"}, pruner={"name": "none"}, max_steps=5)
    return study, study.lease("r", worker="w")["lease"]


def _both(study: StudyCalls, below: str, content: bytes, kind: str | None) -> tuple[Response, Response]:
    """The answers of the fast lane, and of FastAPI, which gets what does not tell its length."""
    headers = {} if kind is None else {"content-type": kind}
    path = f"{study.path}/trials{below}"
    fast = study.client.post(path, content=content, headers=headers)
    slow = study.client.post(path, content=iter([content]), headers=headers)
    assert "content-length" in fast.request.headers
    assert "content-length" not in slow.request.headers
    return fast, slow


def _assert_same(fast: Response, slow: Response, documented: set[str]) -> int:
    assert (fast.status_code, fast.text, fast.headers["content-type"]) == (
        slow.status_code,
        slow.text,
        slow.headers["content-type"],
    )
    assert str(fast.status_code) in documented
    return fast.status_code


@pytest.fixture(scope="module")
def documented(client: TestClient) -> set[str]:
    page = client.get("/openapi.json").json()
    post = page["paths"]["/v1/studies/{study}/trials/{number}/reports"]["post"]
    return set(post["responses"]) | {"201"}


@pytest.mark.parametrize("below", BODIES)
@pytest.mark.parametrize("content", NO_JSON, ids=lambda content: repr(content[:30]))
def test_what_is_no_json_is_the_same_400_with_and_without_the_fast_lane(
    leased: tuple[StudyCalls, str], documented: set[str], below: str, content: bytes
) -> None:
    assert _assert_same(*_both(leased[0], below, content, JSON), documented) == 400


@pytest.mark.parametrize("below", BODIES)
@pytest.mark.parametrize("content", [b"", *JSON_BUT], ids=lambda content: repr(content[:30]))
def test_json_of_another_kind_is_the_same_422_with_and_without_the_fast_lane(
    leased: tuple[StudyCalls, str], documented: set[str], below: str, content: bytes
) -> None:
    assert _assert_same(*_both(leased[0], below, content, JSON), documented) == 422


@pytest.mark.parametrize("below", BODIES)
@pytest.mark.parametrize("kind", [None, *TYPES])
def test_a_content_type_is_taken_or_refused_alike_with_and_without_the_fast_lane(
    leased: tuple[StudyCalls, str], documented: set[str], below: str, kind: str | None
) -> None:
    study, lease = leased
    content = json.dumps(BODIES[below]).replace("LEASE", lease).encode()
    status = _assert_same(*_both(study, below, content, kind), documented)
    main = (kind or "").partition(";")[0].lower()
    is_json = main == JSON or (main.startswith("application/") and main.endswith("+json"))
    assert (status != 422) is is_json


@pytest.mark.parametrize("below", ["", "/0/reports", "/0/heartbeat"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b" \r\n\t"], ids=repr)
def test_a_good_body_gets_the_same_answer_whatever_stands_before_it(
    leased: tuple[StudyCalls, str], documented: set[str], below: str, before: bytes
) -> None:
    study, lease = leased
    content = before + json.dumps(BODIES[below]).replace("LEASE", lease).encode()
    assert _assert_same(*_both(study, below, content, JSON), documented) in (200, 201)


@pytest.mark.parametrize("below", ["/0/heartbeat", "/0/release"])
def test_of_a_key_that_comes_twice_the_last_counts_with_and_without_the_fast_lane(
    leased: tuple[StudyCalls, str], documented: set[str], below: str
) -> None:
    assert _assert_same(*_both(leased[0], below, b'{"lease": 1, "lease": "another"}', JSON), documented) == 409


@pytest.mark.parametrize("below", ["", "/0/reports"])
@BOUNDED
@given(body=ANYTHING | st.binary(max_size=40))
def test_any_body_gets_the_same_answer_with_and_without_the_fast_lane(
    leased: tuple[StudyCalls, str], documented: set[str], below: str, body: Any
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    _assert_same(*_both(leased[0], below, content, JSON), documented)
