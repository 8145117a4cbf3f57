"""However a path is written, the check and what answers behind it read the same: no door opens by another's rule."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lrtune.service.access.doors import Rule
from lrtune.service.access.principal import RANKS
from tests.access.promised import DOORS, FOLDERS
from tests.access.served import Served, served

_PROMISED: dict[tuple[str, str], tuple[int, str]] = {}
for _door in DOORS:  # Of two rows the more lenient: what else is asked is looked at behind the door.
    _rank = RANKS.get(_door.least, 0)
    _before = _PROMISED.get((_door.method, _door.path), (_rank, ""))[0]
    _PROMISED[_door.method, _door.path] = min(_rank, _before), _door.kind
_FOLDERS = {door.path: (RANKS.get(door.least, 0), door.kind) for door in FOLDERS if door.method == "GET"}
"""What it takes to read in them; to change anything takes an admin."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service without tokens: every endpoint runs that a path leads to, and the check tells what it would have
    asked for."""
    with served(f"sqlite:///{tmp_path_factory.mktemp('paths')}/lrtune.db") as found:
        assert found.say(_request("POST", b"/v1/studies", b'{"name": "cifar-1"}')).startswith(b"HTTP/1.1 201")
        yield found


def _request(method: str, target: bytes, body: bytes = b"", *, chunked: bool = False) -> bytes:
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked and body else b"0\r\n\r\n" if chunked else body
    head = b"%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n%s\r\n\r\n"
    return head % (method.encode(), target, length) + sent


def _at_least(rule: Rule, rank: int, kind: str) -> bool:
    """Whether the rule asks for what is promised, or more."""
    asked = 0 if rule.role is None else RANKS[rule.role]
    return asked >= rank and (kind != "everywhere" or rule.everywhere)


def _check(service: Served, request: bytes) -> None:
    service.forget()
    answer = service.say(request)
    assert b" 500 " not in answer[:20], answer
    if not service.ran:
        return
    assert len(service.checked) == 1, "checked once, before anything ran"
    rule, study = service.checked[0]
    for method, path, parameters in service.ran:
        if path in _FOLDERS:
            reading, kind = _FOLDERS[path]
            rank = reading if method in ("GET", "HEAD") else RANKS["admin"]
        elif (method, path) in _PROMISED:
            rank, kind = _PROMISED[method, path]
        else:  # HEAD of a page, say: what nobody promised is for admins.
            rank, kind = RANKS["admin"], "everywhere"
        assert _at_least(rule, rank, kind), (method, path, rule)
        if "study" in parameters:
            assert study == parameters["study"], (path, study, parameters)


_WORDS = [
    *(b"v1", b"studies", b"cifar-1", b"mnist", b"status", b"suggestion", b"trials", b"trials.csv", b"range-tests"),
    *(b"0", b"17", b"reports", b"heartbeat", b"result", b"release", b"replay", b"enqueue", b"record", b"tokens"),
    *(b"rotate", b"me", b"audit", b"healthz", b"readyz", b"metrics", b"docs", b"openapi.json", b"optuna", b"api"),
    *(b"dashboard", b"static", b"csv", b"static-offline-docs"),
]
_ODD = [
    *(b"..", b".", b"", b"%2e%2e", b"%2f", b"%2F", b"%5c", b"\\", b"%00", b"%0a", b"%0d%0a", b"%20", b"%09", b";"),
    *(b";a=b", b"%3b", b"%3f", b"?", b"#", b"%23", b"%25", b"%252f", b"%", b"%zz", b"\xc3\xa9", b"%c3%a9", b"%ff"),
    *(b"%C2%B2", b"%D9%A1", b"-1", b"+1", b"1e3", b"0x1", b"STUDIES", b"a" * 5000, b"*", b":", b"@", b"~"),
    *(b"%EF%BC%8F", b"%E2%80%8B"),
]
_METHODS = ["GET", "POST", "DELETE", "PATCH", "PUT", "HEAD", "OPTIONS", "get", "Post", "TRACE", "PROPFIND"]
_BETWEEN = st.sampled_from([b"/", b"/", b"/", b"//", b"/./", b"/../", b"%2f", b"", b"/;/"])
_START = st.sampled_from([b"/", b"/", b"//", b"", b"http://localhost/", b"http://evil.example/", b"/./", b"/../"])
_KNOWN = st.sampled_from(sorted({door.request.encode() for door in [*DOORS, *FOLDERS]}))


@st.composite
def _built(draw: st.DrawFn) -> bytes:
    words = draw(st.lists(st.sampled_from(_WORDS + _ODD), max_size=7))
    target = draw(_START) + b"".join(word + draw(_BETWEEN) for word in words)
    return target or b"/"


@st.composite
def _bent(draw: st.DrawFn) -> bytes:
    """A path that leads somewhere, with something odd in it."""
    target = draw(_KNOWN)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(target)))
        target = target[:at] + draw(st.sampled_from(_ODD)) + target[at + draw(st.integers(0, 1)) :]
    return target or b"/"


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(_METHODS), target=_built() | _bent() | _KNOWN, chunked=st.booleans())
@example("GET", b"/v1/studies/cifar-1%2f..%2fmnist/status", False)
@example("GET", b"/v1/studies/cifar-1%2fstatus", False)
@example("GET", b"/v1/events", False)
@example("GET", b"/v1/studies/cifar-1%0a", False)
@example("POST", b"/v1/studies/cifar-1/trials/%D9%A1/reports", True)
@example("POST", b"/v1/studies/mnist%0a/trials", False)
@example("POST", b"http://localhost/v1/studies/cifar-1/trials", False)
@example("POST", b"/v1/studies/cifar-1/trials%0a", False)
@example("DELETE", b"/v1/tokens/a%2frotate", False)
@example("GET", b"/" + b"a" * 20_000, False)
@example("GET", b"/assets/look/icon.svg", False)
def test_the_check_reads_a_path_as_what_answers_does(
    service: Served, method: str, target: bytes, chunked: bool
) -> None:
    target = target.replace(b" ", b"%20")
    _check(service, _request(method, target, b"{}" if method in ("POST", "PATCH") else b"", chunked=chunked))


def test_the_watch_sees_endpoints_run(service: Served) -> None:
    for method, target, ran in (
        ("GET", b"/v1/studies/cifar-1/status", "/v1/studies/{study}/status"),
        ("POST", b"/v1/studies/cifar-1/trials/7/heartbeat", "/v1/studies/{study}/trials/{number}/heartbeat"),
        ("GET", b"/api/studies", "/api/{rest:path}"),
    ):
        service.forget()
        service.say(_request(method, target, b"{}"))
        assert ran in [path for _, path, _ in service.ran]
        assert service.checked
