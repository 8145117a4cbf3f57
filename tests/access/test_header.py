"""Whatever stands in the header or in the address: never in by a way round, never a 500, never the secret back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrtune.service.wire.access.secrets import new_secret
from tests.access.served import Served, served

_PATH = b"/v1/me"


@dataclass
class Closed:
    """A service with one token."""

    service: Served
    secret: bytes

    def ask(self, *lines: bytes, path: bytes = _PATH) -> tuple[int, dict[str, Any]]:
        """Status and body for a request with these lines in its head."""
        head = b"\r\n".join([b"GET %s HTTP/1.1" % path, b"Host: localhost", b"Connection: close", *lines, b"", b""])
        answer = self.service.say(head)
        assert self.secret not in answer
        if not answer:
            return 0, {}
        start, _, body = answer.partition(b"\r\n\r\n")
        status = int(start.split(b" ", 2)[1])
        if status == 401:
            assert b'www-authenticate: Bearer realm="lrtune"' in start
        is_json = b"json" in start
        return status, json.loads(body) if is_json else {}


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with served(f"sqlite:///{tmp_path_factory.mktemp('header')}/lrtune.db") as service:
        body = b'{"role": "admin"}'
        answer = service.say(
            b"POST /v1/tokens HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        secret = json.loads(answer.partition(b"\r\n\r\n")[2])["secret"]
        yield Closed(service, secret.encode())


def _refused(found: tuple[int, dict[str, Any]], words: str) -> None:
    status, problem = found
    assert (status, problem["type"]) == (401, "token-refused"), found
    assert words in problem["detail"]


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
@pytest.mark.parametrize("gap", [b" ", b"   "])
def test_a_token_is_taken_however_its_scheme_is_spelt(closed: Closed, scheme: bytes, gap: bytes) -> None:
    for name in (b"Authorization", b"AUTHORIZATION"):
        assert closed.ask(name + b":" + gap + scheme + gap + closed.secret + b"  ")[0] == 200


def test_two_headers_are_refused_whatever_they_say(closed: Closed) -> None:
    right, wrong = b"Authorization: Bearer " + closed.secret, b"Authorization: Bearer " + new_secret().encode()
    for lines in ([right, right], [right, wrong], [wrong, right], [right, b"authorization:"], [right] * 40):
        _refused(closed.ask(*lines), f"there are {len(lines)} Authorization headers")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "this service wants a token"),
        (b"Authorization:", "not a Bearer token"),
        (b"Authorization: Bearer", "the token is empty"),
        (b"Authorization: Bearer   ", "the token is empty"),
        (b"Authorization: Basic SECRET", "not a Bearer token"),
        (b"Authorization: SECRET", "not a Bearer token"),
        (b"Authorization: Token SECRET", "not a Bearer token"),
        (b"Authorization: Bearer\tSECRET", "not a Bearer token"),
        (b"Authorization: Bearer \tSECRET", "does not begin with lrt_"),
        (b"Authorization: Bearer SECRET\tx", "has 49 characters, where a token has 47"),
        (b"Authorization: Bearer SECRET,", "has 48 characters"),
        (b"Authorization: Bearer SECRET SECRET", "has 95 characters"),
        (b'Authorization: Bearer "SECRET"', "does not begin with lrt_"),
        (b"Authorization: BearerSECRET", "not a Bearer token"),
        (b"Authorization: Bearer Bearer SECRET", "does not begin with lrt_"),
        (b"Authorization: Bearer ghp_0123456789", "does not begin with lrt_"),
        (b"Authorization: Bearer lrt_short", "it was cut off"),
        (b"Authorization: Bearer lrt_" + b"\xc3\xa9" + b"a" * 41, "has other characters"),
        (b"Authorization: Bearer lrt_" + b"+" * 43, "has other characters"),
        (b"Authorization: Bearer lrt_" + b"A" * 43, "there is no such token"),
        (b"Authorization: Bearer lrt_" + b"A" * 30_000, "has 30,004 characters"),
        (b"Proxy-Authorization: Bearer SECRET", "this service wants a token"),
        (b"X-Authorization: Bearer SECRET", "this service wants a token"),
        (b"Cookie: token=SECRET; Authorization=SECRET", "this service wants a token"),
    ],
    ids=lambda value: value[:44].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_a_header_that_is_no_token_is_refused_with_the_reason(closed: Closed, line: bytes, words: str) -> None:
    _refused(closed.ask(*([line.replace(b"SECRET", closed.secret)] if line else [])), words)


def test_a_head_beyond_all_bounds_is_refused(closed: Closed) -> None:
    """431, or the connection closed while it was sent."""
    for size in (64 * 1024, 1024 * 1024):
        assert closed.ask(b"Authorization: Bearer lrt_" + b"A" * size)[0] in (0, 431)
    assert closed.ask(*[b"Authorization: Bearer " + closed.secret] * 2000)[0] in (0, 431)
    assert closed.ask(*[b"X-%d: 1" % number for number in range(20_000)])[0] in (0, 431)


def test_a_folded_header_is_never_the_token_of_the_next_line(closed: Closed) -> None:
    assert closed.ask(b"Authorization: Bearer", b" " + closed.secret)[0] in (0, 400, 401)
    assert closed.ask(b"X-Nothing: a", b"\tAuthorization: Bearer " + closed.secret)[0] in (0, 400, 401)


@pytest.mark.parametrize(
    "query", [b"token=SECRET", b"access_token=SECRET", b"access_token=", b"a=1&b=SECRET", b"SECRET", b"a=lrt%5FREST"]
)
def test_a_token_in_the_address_is_refused_with_the_reason_and_a_right_header_too(closed: Closed, query: bytes) -> None:
    asked = query.replace(b"SECRET", closed.secret).replace(b"REST", closed.secret[4:])
    right = b"Authorization: Bearer " + closed.secret
    for path in (b"/v1/me?", b"/healthz?", b"/v1/studies/cifar-1/trials?"):
        for lines in ([], [right]):
            _refused(closed.ask(*lines, path=path + asked), "a token in the address is refused")
    _refused(closed.ask(right, path=b"/v1/studies/" + closed.secret), "a token in the address is refused")
    _refused(closed.ask(right, path=b"/v1/tokens/lrt%5F" + closed.secret[4:]), "a token in the address is refused")


def test_doors_that_are_open_stay_so_whatever_the_header_says(closed: Closed) -> None:
    for line in (b"Authorization: Basic x", b"Authorization: Bearer lrt_x", b"Authorization:"):
        assert closed.ask(line, path=b"/healthz")[0] == 200


_VALUES = st.binary(max_size=80).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b""))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.sampled_from([b"", b"Bearer ", b"bearer ", b"Bearer\t", b"Basic ", b"Bearer lrt_", b", Bearer "]),
    value=_VALUES,
    cut=st.integers(0, 46),
    how=st.sampled_from(["alone", "cut", "after", "before", "bent"]),
)
def test_no_header_but_the_right_one_lets_anybody_in(
    closed: Closed, before: bytes, value: bytes, cut: int, how: str
) -> None:
    shown = {
        "alone": before + value,
        "cut": before + closed.secret[:cut],
        "after": before + value + closed.secret,
        "before": before + closed.secret + value,
        "bent": before + closed.secret[:cut] + b"~" + closed.secret[cut + 1 :],
    }[how]
    status, _ = closed.ask(b"Authorization: " + shown)
    spaces = shown.strip(b" \t")
    right = spaces[:7].lower() == b"bearer " and spaces[7:].strip(b" ") == closed.secret
    assert status in ((200,) if right else (0, 400, 401)), (shown, status)
