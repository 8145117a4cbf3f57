"""What a new token may be: clear answers to what it may not, and nothing half-done."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from lrtune.service.access.principal import matcher
from tests.access.conftest import Secured, bearer
from tests.access.served import Served, served
from tests.api.calls import assert_problem, in_threads
from tests.support.clock import Clock


def _count(secured: Secured) -> int:
    return len(secured.client.get("/v1/tokens", headers=secured.headers, params={"limit": 1000}).json()["items"])


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "role", "is missing"),
        ({"role": "root"}, "role", "'viewer', 'worker' or 'admin'"),
        ({"role": "worker", "scopes": []}, "scopes", "must not be empty"),
        ({"role": "worker", "scopes": [""]}, "scopes", "must not be empty"),
        ({"role": "worker", "scopes": ["**"]}, "scopes", "write * once"),
        ({"role": "worker", "scopes": ["a**b"]}, "scopes", "write * once"),
        ({"role": "worker", "scopes": ["[a-z]"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["a b"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["a\n"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["{a,b}"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["é*"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["!a"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["a/b"]}, "scopes", "may have the letters"),
        ({"role": "worker", "scopes": ["a" * 129]}, "scopes", "128"),
        ({"role": "worker", "scopes": ["a"] * 51}, "scopes", "50"),
        ({"role": "worker", "scopes": "*"}, "scopes", "must be a list"),
        ({"role": "worker", "scopes": [None]}, "scopes", "must be a text"),
        ({"role": "worker", "name": "a" * 201}, "name", "200"),
        ({"role": "worker", "name": "a\u0000"}, "name", ""),
        ({"role": "worker", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at", "is past"),
        ({"role": "worker", "expires_at": "NOW"}, "expires_at", "is past"),
        ({"role": "worker", "expires_at": "2100-01-01T00:00:00"}, "", "needs a time zone"),
        ({"role": "worker", "expires_at": "2100-01-01"}, "", "needs a time zone"),
        ({"role": "worker", "expires_at": "10000-01-01T00:00:00Z"}, "expires_at", ""),
        ({"role": "worker", "expires_at": "9999-12-31T23:59:59-12:00"}, "expires_at", "after the year 9999"),
        ({"role": "worker", "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at", ""),
        ({"role": "worker", "expires_at": "tomorrow"}, "expires_at", ""),
        ({"role": "worker", "expires_at": 10**30}, "expires_at", ""),
        ({"role": "worker", "expires_at": "nan"}, "expires_at", ""),
        ({"role": "worker", "expires_in_seconds": 0}, "expires_in_seconds", "greater than 0"),
        ({"role": "worker", "expires_in_seconds": -1}, "expires_in_seconds", "greater than 0"),
        ({"role": "worker", "expires_in_seconds": 1e300}, "expires_in_seconds", "must be at most 3,162,240,000"),
        ({"role": "worker", "expires_in_seconds": "nan"}, "expires_in_seconds", "finite"),
        ({"role": "worker", "expires_in_seconds": 1, "expires_at": "2100-01-01T00:00:00Z"}, "", "not both"),
        ({"role": "worker", "limits": {"requests_per_second": 0}}, "limits", "greater than 0"),
        ({"role": "worker", "limits": {"requests": 1}}, "limits", "no such field"),
        ({"role": "worker", "secret": "lrt_chosen"}, "secret", "no such field"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_token_that_cannot_be_is_refused_with_its_field(
    secured: Secured, clock: Clock, body: dict[str, Any], field: str, words: str
) -> None:
    if body.get("expires_at") == "NOW":
        body = body | {"expires_at": datetime.fromtimestamp(clock(), UTC).isoformat()}
    problem = assert_problem(secured.client.post("/v1/tokens", json=body, headers=secured.headers), 422, "invalid-body")
    places = [error["loc"][:1] for error in problem["errors"]]
    assert ([field] if field else []) in places, problem
    assert words in problem["detail"], problem
    assert _count(secured) == 1


def test_far_expiries_are_kept_and_told_as_they_are(secured: Secured) -> None:
    for told in ("9999-12-31T23:59:59Z", "2100-01-01T01:00:00+01:00"):
        made = secured.make("viewer", expires_at=told)
        assert datetime.fromisoformat(made["expires_at"]) == datetime.fromisoformat(told)
        assert secured.status(made["secret"]) == 200
    assert _count(secured) == 3


def test_an_invalid_body_is_not_told_back(secured: Secured) -> None:
    """It may hold a secret that was put into the wrong field."""
    secret = secured.admin["secret"]
    for body in ({"role": secret}, {"role": "viewer", "scopes": [secret + "!"]}, {"role": "viewer", "limits": secret}):
        answer = secured.client.post("/v1/tokens", json=body, headers=secured.headers)
        assert answer.status_code == 422
        assert secret not in answer.text


def test_no_pattern_takes_long_on_any_name() -> None:
    absurd = ["*?" * 60 + "x", "*a" * 60 + "b", "a*" * 60 + "b", "?" * 128, "*a*b" * 30, "*" + "?*" * 60 + "!"]
    names = ["a" * 128, "ab" * 64, "x" * 127 + "y", ""]
    began = time.process_time()
    for patterns in (*([one] for one in absurd), absurd * 8):
        found = matcher(patterns)
        for name in names:
            found.fullmatch(name)
    assert time.process_time() - began < 1.0


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("cifar-*", ["cifar-", "cifar-1", "cifar-*"], ["cifar", "CIFAR-1", "my-cifar-1", "cifar\n-1"]),
        ("*-final", ["a-final", "-final"], ["a-final2", "a-final\n"]),
        ("run-?", ["run-1", "run-x"], ["run-", "run-10", "run-/1"]),
        ("a.b", ["a.b"], ["axb", "a.b\n", "a.bc"]),
        ("a+b", ["a+b"], ["aab", "ab"]),
        ("*", ["", "a", "a/b"], []),
    ],
)
def test_a_glob_stands_for_whole_names(glob: str, inside: list[str], outside: list[str]) -> None:
    pattern = matcher([glob])
    assert [name for name in inside if pattern.fullmatch(name) is None] == []
    assert [name for name in outside if pattern.fullmatch(name) is not None] == []


def test_the_last_two_who_manage_tokens_cannot_end_each_other_at_the_same_time(secured: Secured) -> None:
    for _ in range(5):
        other = secured.make("admin")
        pair = [secured.admin, other]

        def revoke(index: int, pair: list[Any] = pair) -> int:
            path = f"/v1/tokens/{pair[1 - index]['id']}"
            return secured.client.delete(path, headers=bearer(pair[index]["secret"])).status_code

        statuses = in_threads(2, revoke)
        left = [one for one in pair if secured.status(one["secret"]) == 200]
        assert len(left) == 1, statuses
        secured.admin = left[0]


def test_who_manages_tokens_no_longer_does_not_count_as_left(secured: Secured, clock: Clock) -> None:
    """Nor does an admin for some studies, nor one that has expired."""
    secured.make("admin", "cifar-*")
    expiring = secured.make("admin", expires_in_seconds=60)
    path = f"/v1/tokens/{secured.admin['id']}"
    clock.advance(61)
    assert_problem(secured.client.delete(path, headers=secured.headers), 409, "last-admin")
    assert secured.client.delete(f"/v1/tokens/{expiring['id']}", headers=secured.headers).status_code == 200
    assert secured.status(secured.admin["secret"]) == 200


def test_what_has_ended_cannot_be_rotated(secured: Secured, clock: Clock) -> None:
    revoked, expired = secured.make("viewer"), secured.make("viewer", expires_in_seconds=60)
    secured.client.delete(f"/v1/tokens/{revoked['id']}", headers=secured.headers)
    clock.advance(61)
    for one, words in ((revoked, "was revoked"), (expired, "has expired")):
        answer = secured.client.post(f"/v1/tokens/{one['id']}/rotate", json={}, headers=secured.headers)
        assert words in assert_problem(answer, 422, "invalid-body")["detail"]
        assert secured.status(one["secret"]) == 401


def test_a_former_secret_does_not_outlive_its_token(secured: Secured, clock: Clock) -> None:
    """By expiry, whatever the grace; or by revocation, within it."""
    path = f"/v1/tokens/{(expiring := secured.make('viewer', expires_in_seconds=60))['id']}/rotate"
    new = secured.client.post(path, json={"grace_seconds": 86_400}, headers=secured.headers).json()
    revoked = secured.make("viewer")
    path = f"/v1/tokens/{revoked['id']}"
    newer = secured.client.post(f"{path}/rotate", json={"grace_seconds": 86_400}, headers=secured.headers).json()
    assert [secured.status(one["secret"]) for one in (expiring, new, revoked, newer)] == [200] * 4
    clock.advance(61)
    assert secured.client.delete(path, headers=secured.headers).status_code == 200
    assert [secured.status(one["secret"]) for one in (expiring, new, revoked, newer)] == [401] * 4


def test_a_token_that_is_rotated_twice_within_the_grace_has_three_secrets_for_that_long(
    secured: Secured, clock: Clock
) -> None:
    secrets = [secured.make("viewer")]
    for grace in (100, 50):
        path = f"/v1/tokens/{secrets[0]['id']}/rotate"
        secrets.append(secured.client.post(path, json={"grace_seconds": grace}, headers=secured.headers).json())
    assert [secured.status(one["secret"]) for one in secrets] == [200, 200, 200]
    clock.advance(51)
    assert [secured.status(one["secret"]) for one in secrets] == [200, 401, 200]
    clock.advance(50)
    assert [secured.status(one["secret"]) for one in secrets] == [401, 401, 200]


@pytest.mark.parametrize("grace", [-1, 1e300, "nan", 30 * 86_400 + 1, None, []], ids=repr)
def test_an_absurd_grace_changes_nothing(secured: Secured, grace: Any) -> None:
    made = secured.make("viewer")
    answer = secured.client.post(
        f"/v1/tokens/{made['id']}/rotate", json={"grace_seconds": grace}, headers=secured.headers
    )
    assert_problem(answer, 422, "invalid-body")
    assert secured.status(made["secret"]) == 200


@pytest.fixture
def real(tmp_path: object) -> Any:
    with served(f"sqlite:///{tmp_path}/lrtune.db") as service:
        yield service


def test_a_client_that_goes_away_leaves_a_whole_token_or_none(real: Served) -> None:
    """Rows and audit are one transaction, whoever still listens."""
    import json
    import socket

    def post(body: bytes, send: int | None = None, *, listen: bool = True) -> bytes:
        head = b"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n"
        more = b"Content-Type: application/json\r\n" + authorization
        request = head % (more, len(body)) + body
        if listen:
            return real.say(request)
        with socket.create_connection(("127.0.0.1", real.port)) as opened:
            opened.sendall(request if send is None else request[:send])
        return b""

    authorization = b""
    first = json.loads(post(b'{"role": "admin"}').partition(b"\r\n\r\n")[2])
    authorization = b"Authorization: Bearer " + first["secret"].encode() + b"\r\n"
    whole = b'{"role": "viewer", "name": "gone"}'
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda cut: post(whole, cut, listen=False), [None, -1, -5, -len(whole), 40] * 4))
    parts = real.app.state.container
    from tests.faults.conftest import until

    until(lambda: len(parts.access.registry.tokens()) == 5)
    registry = parts.access.registry
    for token in registry.tokens()[:-1]:
        assert (token.name, token.role, token.scopes) == ("gone", "viewer", ("*",))
