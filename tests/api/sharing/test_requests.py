"""Which study a request is about, and what may be sent again."""

import asyncio
import json

import pytest
from starlette.types import Message, Scope

from lrtune.service.api.sharing.hop import CLIENT, SCHEME, SECRET, believed
from lrtune.service.api.sharing.requests import WholeBody, is_repeatable, study_of


def request(method: str, path: str, *headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": list(headers), "client": ("10.0.0.9", 1)}


def body_of(*parts: bytes) -> WholeBody:
    """What a client sends in these parts."""
    messages: list[Message] = [
        {"type": "http.request", "body": part, "more_body": place < len(parts)}
        for place, part in enumerate(parts, start=1)
    ]
    left = iter([*messages, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(left)

    return WholeBody(receive)


@pytest.mark.parametrize(
    ("method", "path", "study"),
    [
        ("GET", "/v1/studies/größe", "größe"),
        ("POST", "/v1/studies/s/trials/3/reports", "s"),
        ("GET", "/v1/studies/s/trials.csv", "s"),
        ("GET", "/studies/s", "s"),
        ("GET", "/studies/s/pictures/curves", "s"),
        ("GET", "/v1/studies", None),
        ("GET", "/", None),
        ("GET", "/compare", None),
        ("POST", "/v1/suggestions", None),
    ],
)
def test_a_path_tells_which_study_it_is_about(method: str, path: str, study: str | None) -> None:
    assert study_of(request(method, path), b"") == study


@pytest.mark.parametrize(
    ("body", "study"),
    [
        (json.dumps({"name": "s", "max_trials": 3}).encode(), "s"),
        (b'\xef\xbb\xbf{"name": "s"}', "s"),
        (b'{"name": 3}', None),
        (b"[]", None),
        (b"\xff", None),
        (b"{", None),
    ],
)
def test_a_study_that_is_created_has_its_name_in_the_body(body: bytes, study: str | None) -> None:
    assert study_of(request("POST", "/v1/studies"), body) == study


def test_what_is_known_by_lease_or_request_id_may_be_sent_again_and_nothing_else_that_writes() -> None:
    assert is_repeatable(request("GET", "/v1/studies/s"), b"")
    assert is_repeatable(request("POST", "/v1/studies/s/trials/3/result"), b"{}")
    assert is_repeatable(request("POST", "/v1/studies/s/trials"), b'{"request_id": "a"}')
    for body in (b"{}", b'{"request_id": null}', b'{"tags": {"request_id": "a"}}', b"[" * 100_000):
        assert not is_repeatable(request("POST", "/v1/studies/s/trials"), body)
    assert not is_repeatable(request("DELETE", "/v1/studies/s"), b"")


def test_a_body_is_read_to_its_end_and_can_be_replayed_as_often_as_needed() -> None:
    async def play() -> None:
        body = body_of(b"ab", b"c")
        assert await body.read(10) == b"abc"
        assert body.complete
        for _ in range(2):
            receive = body.replay()
            assert [(await receive())["body"], (await receive())["body"]] == [b"ab", b"c"]

    asyncio.run(play())


def test_a_body_larger_than_allowed_is_left_to_whoever_refuses_it() -> None:
    async def play() -> None:
        body = body_of(b"abcd", b"ef")
        await body.read(3)
        assert not body.complete
        receive = body.replay()
        assert [(await receive())["body"], (await receive())["body"]] == [b"abcd", b"ef"]

    asyncio.run(play())


def test_only_who_knows_the_secret_is_believed_whom_it_asks_for() -> None:
    told = ((CLIENT, b"192.0.2.7"), (SCHEME, b"https"), (b"host", b"lrtune"))
    assert believed(request("GET", "/", *told), "secret") is None
    assert believed(request("GET", "/", (SECRET, b"guess"), *told), "secret") is None
    seen = believed(request("GET", "/", (SECRET, b"secret"), *told), "secret")
    assert seen is not None
    assert (seen["client"], seen["scheme"], seen["headers"]) == (("192.0.2.7", 0), "https", [(b"host", b"lrtune")])
