"""A clock that jumps: what holds and what has ended is by the clock as it stands, and a revocation is for ever."""

import pytest
from starlette.testclient import TestClient

from tests.access.conftest import Secured
from tests.support.clock import Clock

YEAR = 366 * 86_400.0


def test_a_token_ends_at_its_expiry_and_holds_again_where_the_clock_was_wrong(secured: Secured, clock: Clock) -> None:
    made = secured.make("viewer", expires_in_seconds=60)
    for step, status in ((59.9, 200), (0.1, 401), (100 * YEAR, 401), (-100 * YEAR - 0.1, 200), (-10 * YEAR, 200)):
        clock.advance(step)
        assert secured.status(made["secret"]) == status, step


def test_a_revocation_is_for_ever_whatever_the_clock_says(secured: Secured, clock: Clock) -> None:
    made = secured.make("viewer")
    assert secured.client.delete(f"/v1/tokens/{made['id']}", headers=secured.headers).status_code == 200
    for step in (-10 * YEAR, 200 * YEAR, -190 * YEAR):
        clock.advance(step)
        assert secured.status(made["secret"]) == 401


def test_a_token_that_was_made_in_the_future_holds(secured: Secured, clock: Clock) -> None:
    clock.advance(5 * YEAR)
    made = secured.make("viewer")
    clock.advance(-5 * YEAR)
    assert secured.status(made["secret"]) == 200
    listed = secured.client.get("/v1/tokens", headers=secured.headers).json()["items"]
    assert [one["id"] for one in listed] == [made["id"], secured.admin["id"]]


def test_a_grace_ends_by_the_clock_and_a_jump_back_is_not_more_than_the_grace(secured: Secured, clock: Clock) -> None:
    made = secured.make("viewer")
    path = f"/v1/tokens/{made['id']}/rotate"
    new = secured.client.post(path, json={"grace_seconds": 60}, headers=secured.headers).json()
    for step, status in ((59, 200), (2, 401), (-2, 200)):
        clock.advance(step)
        assert (secured.status(made["secret"]), secured.status(new["secret"])) == (status, 200)


def test_a_jump_to_the_far_future_and_back_removes_no_token(
    secured: Secured, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = secured.make("viewer", expires_in_seconds=60)
    client: TestClient = secured.client
    keeper = client.app.state.container.access.keeper  # type: ignore[attr-defined]
    clock.advance(50 * YEAR)
    assert secured.status(secured.admin["secret"]) == 200
    assert client.portal is not None
    client.portal.call(keeper._write)
    clock.advance(-50 * YEAR)
    assert secured.status(made["secret"]) == 200
    listed = client.get("/v1/tokens", headers=secured.headers).json()["items"]
    assert {one["id"] for one in listed} == {made["id"], secured.admin["id"]}
