import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.cli.conftest import Lrtune
from tests.fake_service import FakeService

ENTRY: dict[str, Any] = {
    "id": 7,
    "at": "2026-01-01T00:00:00Z",
    "actor": "alice",
    "token": "4f0c4f0c4f0c",
    "address": "10.0.0.7",
    "via": "http",
    "action": "study.change",
    "subject": "cifar-1",
    "before": {"max_trials": 20, "paused": False},
    "after": {"max_trials": 40, "paused": False},
}
TOKEN: dict[str, Any] = {
    "id": "4f0c4f0c4f0c",
    "prefix": "lrt_AbCd1234",
    "name": "alice",
    "role": "admin",
    "scopes": ["*"],
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "anyone",
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "limits": {},
}
Asked = list[dict[str, str]]


@pytest.fixture
def asked(service: FakeService) -> Asked:
    """What the service was asked of the audit; it answers two pages."""
    asked: Asked = []

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if request.url.path == "/v1/tokens":
            return httpx2.Response(200, json={"items": [TOKEN], "next_cursor": None})
        if request.url.path != "/v1/audit":
            return None
        asked.append(dict(request.url.params))
        more = "cursor" not in request.url.params
        entry = ENTRY if more else {**ENTRY, "id": 6, "action": "study.delete", "before": {"trials": 3}, "after": None}
        return httpx2.Response(200, json={"items": [entry], "next_cursor": "2" if more else None})

    service.fault = fault
    return asked


def test_who_did_what_is_told_with_what_was_before_and_after(lrtune: Lrtune, address: str, asked: Asked) -> None:
    out = lrtune("audit").out
    for said in (
        "alice",
        "10.0.0.7",
        "study.change",
        "cifar-1",
        "max_trials 20 → 40",
        "study.delete",
        "trials 3",
        "ago",
    ):
        assert said in out
    assert "paused" not in out


def test_the_filters_are_those_of_the_service_and_a_prefix_names_a_token(
    lrtune: Lrtune, address: str, asked: Asked
) -> None:
    filters = ("--study", "cifar-1", "--token", "lrt_AbCd1234", "--action", "study.change", "--since", "7d")
    assert lrtune("audit", *filters).code == 0
    first = asked[0]
    assert (first["study"], first["token"], first["action"]) == ("cifar-1", "4f0c4f0c4f0c", "study.change")
    since = datetime.now(UTC) - datetime.fromisoformat(first["since"])
    assert timedelta(days=7) <= since < timedelta(days=7, minutes=1)


def test_the_name_of_a_token_is_refused_where_an_id_or_a_prefix_is_wanted(
    lrtune: Lrtune, address: str, asked: Asked
) -> None:
    ran = lrtune("audit", "--token", "alice")
    assert (ran.code, ran.out, asked) == (2, "", [])
    assert "--token: 'alice' is no id" in ran.err
    assert "`lrtune token list`" in ran.err


def test_no_more_is_asked_for_than_is_shown(lrtune: Lrtune, address: str, asked: Asked) -> None:
    assert json.loads(lrtune("audit", "--limit", "1", "--json").out) == [ENTRY]
    assert len(asked) == 1
