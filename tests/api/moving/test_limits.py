"""What a token may import: studies, trials and steps count as if it had made them here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.calls import Json
from tests.api.moving.files import Line, body, parsed
from tests.api.secured import Secured, bearer, served


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Secured]:
    with served(f"sqlite:///{tmp_path}/limits.db") as secured:
        for number in range(3):
            params = {"learning_rate": 0.1}
            reports = [{"step": step, "value": 0.5} for step in range(1, 5)]
            record = {"params": params, "reports": reports, "request_id": str(number)}
            assert secured("POST", "/v1/studies/s/trials/record", record, by=secured.admin)["status"] == 201
        yield secured


def exported(secured: Secured) -> list[Line]:
    answer = secured.client.get("/v1/studies/s/export", headers=bearer(secured.admin))
    return parsed(answer.content.splitlines())


def sent(secured: Secured, name: str, what: Line, by: Json) -> Json:
    return secured("POST", f"/v1/studies/{name}/import", what, by=by)


@pytest.mark.parametrize(("limit", "allowed"), [("trials_per_hour", 2), ("steps_per_hour", 11)])
def test_trials_and_steps_of_an_import_count(secured: Secured, limit: str, allowed: int) -> None:
    lines = exported(secured)
    by = secured.token("admin", **{limit: allowed})
    assert sent(secured, "copy", body(lines, 0, 3), by)["status"] == 200
    assert sent(secured, "copy", body(lines, 0, 3), by)["status"] == 200, "what is in does not count again"
    refused = sent(secured, "copy", body(lines, 3), by)
    assert (refused["status"], refused["limit"]) == (429, limit)
    assert sent(secured, "copy", body(lines, 3), secured.admin)["done"] is True


def test_an_imported_study_is_one_that_the_token_created(secured: Secured) -> None:
    lines = exported(secured)
    by = secured.token("admin", studies=1)
    assert sent(secured, "one", body(lines), by)["done"] is True
    assert sent(secured, "two", body(lines), by)["type"] == "too-many-studies"
    assert secured("GET", "/v1/studies/two", by=secured.admin)["status"] == 404


def test_a_batch_longer_than_a_body_may_be_is_refused(secured: Secured) -> None:
    lines = exported(secured)
    lines[0]["user_attrs"] = [[str(number), '"' + "x" * 400_000 + '"'] for number in range(3)]
    assert sent(secured, "long", body(lines), secured.admin)["type"] == "body-too-large"


def test_an_export_is_a_stream_for_the_limits(secured: Secured) -> None:
    viewer = secured.token("viewer", streams=1)
    gate = secured.client.app.state.container.gate  # type: ignore[attr-defined]
    registry = secured.client.app.state.container.access.registry  # type: ignore[attr-defined]
    assert secured.client.get("/v1/studies/s/export", headers=bearer(viewer)).status_code == 200
    known = next(one for one in registry._by_digest.values() if one.token.token_id == viewer["id"])
    with gate.stream(known.principal, None):
        assert secured("GET", "/v1/studies/s/export", by=viewer)["limit"] == "streams"
