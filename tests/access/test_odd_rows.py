"""Rows of tokens that no lrtune wrote: they open nothing, and stop nobody else."""

import pytest

from tests.access.conftest import Secured, secure
from tests.access.test_processes import beside
from tests.api.conftest import serving
from tests.faults.conftest import until

ODD = {
    "scopes that are no JSON": "scopes = 'nonsense'",
    "scopes that are a text": "scopes = '\"*\"'",
    "scopes that are a table": "scopes = '{\"*\": 1}'",
    "no scopes": "scopes = '[]'",
    "scopes that are numbers": "scopes = '[1]'",
    "limits that are no JSON": "limits = ''",
    "limits of another version": "limits = '{\"new\": 1}'",
    "limits that are nested too deep": f"limits = '{'[' * 100_000}'",
    "a role of another version": "role = 'owner'",
    "a kind of another version": "kind = 'newkind'",
    "an expiry that is a text": "expires_at = 'soon'",
}


@pytest.fixture
def url(tmp_path: object) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def set_column(url: str, token_id: str, what: str) -> None:
    with beside(url) as connection:
        connection.exec_driver_sql("update lrtune_access_version set version = version + 1")
        newest = "version = (select version from lrtune_access_version)"
        connection.exec_driver_sql(f"update lrtune_tokens set {what}, {newest} where token_id = '{token_id}'")


@pytest.mark.parametrize("what", ODD.values(), ids=ODD.keys())
def test_an_odd_row_opens_nothing_and_stops_no_revocation(url: str, what: str) -> None:
    with serving(url) as client:
        secured = secure(client)
        odd, fine = (secured.make("admin") for _ in range(2))
        set_column(url, odd["id"], what)
        until(lambda: secured.status(odd["secret"]) == 401, 5)
        assert client.delete(f"/v1/tokens/{fine['id']}", headers=secured.headers).status_code == 200
        assert secured.status(fine["secret"]) == 401
        listed = client.get("/v1/tokens", headers=secured.headers).json()["items"]
        assert {one["id"] for one in listed} == {secured.admin["id"], odd["id"], fine["id"]}
        assert client.delete(f"/v1/tokens/{odd['id']}", headers=secured.headers).status_code == 200
        assert client.delete(f"/v1/tokens/{secured.admin['id']}", headers=secured.headers).status_code == 409
    with serving(url) as client:
        assert [secured_status(client, secured, one) for one in (secured.admin, odd, fine)] == [200, 401, 401]


def secured_status(client: object, secured: Secured, one: dict[str, str]) -> int:
    return Secured(client, secured.admin).status(one["secret"])  # type: ignore[arg-type]


def test_a_revocation_that_is_not_seen_yet_is_not_told_as_one(url: str) -> None:
    with serving(url) as client:
        secured = secure(client)
        first, second = (secured.make("worker") for _ in range(2))
        set_column(url, first["id"], "name = cast(x'ff' as text)")  # No UTF-8: the driver refuses to read the row.
        answer = client.delete(f"/v1/tokens/{second['id']}", headers=secured.headers)
        assert (answer.status_code, answer.json()["type"]) == (503, "storage-unavailable")
        assert "is on disk, and not seen here yet" in answer.json()["detail"]
        set_column(url, first["id"], "name = 'mended'")
        until(lambda: secured.status(second["secret"]) == 401, 5)
