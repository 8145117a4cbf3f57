"""Sign-ins and former secrets that ended a day ago are removed, from the memory and from the database."""

import pytest

from lrtune.service.access.access import Access
from lrtune.service.storage.schema.tables import tokens as table
from tests.access.conftest import Secured, bearer
from tests.access.test_processes import beside
from tests.support.clock import Clock

DAY = 86_400.0


@pytest.fixture
def url(tmp_path: object) -> str:
    return f"sqlite:///{tmp_path}/lrtune.db"


def access_of(secured: Secured) -> Access:
    access: Access = secured.client.app.state.container.access  # type: ignore[attr-defined]
    return access


def write(secured: Secured) -> None:
    assert secured.status(secured.admin["secret"]) == 200, "it is written when tokens were used"
    assert secured.client.portal is not None
    secured.client.portal.call(access_of(secured).keeper._write)


def kinds(url: str) -> list[str]:
    with beside(url) as connection:
        return sorted(row.kind for row in connection.execute(table.select()))


def test_sign_ins_and_former_secrets_are_removed_a_day_after_their_end_and_tokens_never(
    secured: Secured, clock: Clock, url: str
) -> None:
    portal = secured.client.portal
    assert portal is not None
    made = secured.make("viewer", expires_in_seconds=3600)
    path = f"/v1/tokens/{made['id']}/rotate"
    assert secured.client.post(path, json={"grace_seconds": 60}, headers=secured.headers).status_code == 200
    session, _ = portal.call(access_of(secured).sign_in, secured.admin["secret"].encode(), None)
    assert kinds(url) == ["former", "session", "token", "token"]
    clock.advance(59 + DAY)
    write(secured)
    assert kinds(url) == ["former", "session", "token", "token"], "the grace ended less than a day ago"
    assert access_of(secured).registry.stored(made["secret"].encode()) is not None
    clock.advance(2)
    write(secured)
    assert kinds(url) == ["session", "token", "token"]
    assert access_of(secured).registry.stored(made["secret"].encode()) is None
    clock.advance(DAY)
    write(secured)
    assert kinds(url) == ["token", "token"]
    assert access_of(secured).registry.stored(session.encode()) is None


def test_what_is_removed_takes_no_other_token_with_it(secured: Secured, clock: Clock) -> None:
    made = secured.make("viewer")
    path = f"/v1/tokens/{made['id']}/rotate"
    new = secured.client.post(path, json={"grace_seconds": 60}, headers=secured.headers).json()
    clock.advance(61 + DAY)
    write(secured)
    listed = secured.client.get("/v1/tokens", headers=bearer(new["secret"]))
    assert listed.status_code == 403, "a viewer's, and it holds"
    assert secured.status(made["secret"]) == 401
    assert secured.status(secured.admin["secret"]) == 200
