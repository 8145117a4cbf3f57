"""Every way in × role × scope × token: who may come in does, and nobody else; and none is without a row."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from httpx2 import Response
from starlette.routing import Mount, Route

from lrtune.service.api.middleware.limiting import Limiting
from lrtune.service.app import create_app
from lrtune.service.settings import Settings
from tests.access.conftest import ROLES, SCOPES, STATES, Secured, bearer
from tests.access.promised import DOORS, FAST, FOLDERS, STUDY, Door

_ALL = [*DOORS, *FOLDERS]
_CASES = list(itertools.product(ROLES, SCOPES, STATES))
ANY_METHOD = "*"


def _ids(door: Door) -> str:
    return f"{door.method} {door.asked or door.path} as {door.least}"


_addresses = (f"10.{high}.{middle}.{low}" for high in range(256) for middle in range(256) for low in range(256))


def _ask(everyone: Secured, door: Door, headers: dict[str, str], *, chunked: bool = False) -> Response:
    """Each from an address of its own: who sends many wrong tokens from one would wait."""
    everyone.client._transport.client = (next(_addresses), 1)  # type: ignore[attr-defined]
    body: Any = None if door.body is None else json.dumps(dict(door.body)).encode()
    if body is not None:
        headers = headers | {"Content-Type": "application/json"}
    sent = iter([body]) if chunked else body
    return everyone.client.request(door.method, door.request, content=sent, headers=headers, follow_redirects=False)


def _promised(door: Door, role: str, scope: str, state: str) -> tuple[int, str]:
    """Status and problem type; "" where it is the door's own answer."""
    if door.least == "open":
        return door.answer, ""
    if state != "right":
        return 401, "token-refused"
    lacks_role = ROLES.index(role) < ROLES.index(door.least)
    beyond = scope == "out" if door.kind == "study" else scope != "everywhere" if door.kind == "everywhere" else False
    return (403, "not-allowed") if lacks_role or beyond else (door.answer, "")


def _kind(answer: Response) -> str:
    """The type of a refusal at the door."""
    if answer.status_code not in (401, 403) or "text/html" in answer.headers.get("Content-Type", ""):
        return ""
    return str(answer.json()["type"]) if answer.content else "token-refused" if answer.status_code == 401 else ""


def _check(everyone: Secured, door: Door, *, chunked: bool = False) -> None:
    found = {}
    expected = {}
    for case in _CASES:
        answer = _ask(everyone, door, bearer(everyone.secrets[case]), chunked=chunked)
        found[case], expected[case] = (answer.status_code, _kind(answer)), _promised(door, *case)
    stranger = _ask(everyone, door, {}, chunked=chunked)
    found["", "", "none"] = stranger.status_code, _kind(stranger)
    expected["", "", "none"] = (door.answer, "") if door.least == "open" else (401, "token-refused")
    wrong = {case: (found[case], expected[case]) for case in found if found[case] != expected[case]}
    assert not wrong, f"(found, promised): {wrong}"


@pytest.mark.parametrize("door", _ALL, ids=_ids)
def test_a_door_lets_in_whom_it_promises_and_nobody_else(everyone: Secured, door: Door) -> None:
    _check(everyone, door)


@pytest.mark.parametrize("door", FAST, ids=_ids)
def test_fastapi_lets_in_the_same_as_the_fast_lane(everyone: Secured, door: Door) -> None:
    _check(everyone, door, chunked=True)


def _routes(routes: Iterable[Any]) -> Iterator[Any]:
    """All of them, those of included routers too."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from _routes(inner.routes)


def _served(folder: Path) -> set[tuple[str, str]]:
    """Method and path of all that the service serves; `*` where it takes every method. Fails for what is of no kind
    that is known here: a WebSocket, say."""
    app = create_app(Settings(storage=f"sqlite:///{folder}/none.db", dashboard=True))
    found: set[tuple[str, str]] = set()
    for route in _routes(app.router.routes):
        assert isinstance(route, APIRoute | Route | Mount), f"no row can hold {route!r}: teach this test"
        methods = getattr(route, "methods", None) or {ANY_METHOD}
        found |= {(method, route.path) for method in methods}
    page = app.openapi()["paths"]
    known_methods = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
    found |= {(method.upper(), path) for path, item in page.items() for method in item if method in known_methods}
    return found


def test_every_door_has_a_row_and_every_row_a_door(tmp_path: Path) -> None:
    rows = {(door.method, door.path) for door in DOORS} | {(ANY_METHOD, door.path) for door in FOLDERS}
    served = _served(tmp_path)
    assert served - rows == set(), "promise in tests/access/promised.py who may come in"
    assert rows - served == set(), "nothing is served there"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/lrtune/v1/studies"),
        ("GET", f"/v1/studies/{STUDY}/nothing"),
        ("GET", "/v1/studies/mnist-1/nothing"),
        ("HEAD", "/v1/me"),
        ("PUT", "/v1/tokens"),
    ],
)
def test_where_no_door_is_who_is_no_admin_is_told_so_and_gets_no_further(
    everyone: Secured, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Door(method, path, "viewer", "any", 404)
    for role, scope in (("viewer", "everywhere"), ("worker", "in"), ("admin", "in")):
        with monkeypatch.context() as patch:
            patch.setattr(Limiting, "__call__", _unreachable)
            answer = _ask(everyone, door, bearer(everyone.secrets[role, scope, "right"]))
        assert answer.status_code == 404
        if method != "HEAD":
            assert answer.json()["type"] == "not-found"
            assert "there is nothing at this path for this token" in answer.json()["detail"]
    assert _ask(everyone, door, {}).status_code == 401
    assert _ask(everyone, door, bearer(everyone.secrets["admin", "everywhere", "wrong"])).status_code == 401


async def _unreachable(*_: object) -> None:
    raise AssertionError("nobody comes as far as this")
