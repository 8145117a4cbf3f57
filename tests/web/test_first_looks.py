"""The picture that a page begins with: plain whatever the page's query, and no page fails with it."""

import pytest
from starlette.testclient import TestClient

from lrtune.service.web.pictures import routes as pictures
from tests.api.calls import Json

SPACE: Json = {
    "learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adamw"]},
}
HUGE = (1e308, -1e308, 1e-320, 0.0, 1e300, 1.7e308)


def _study(service: TestClient, name: str, space: Json = SPACE, values: tuple[float, ...] = (1.0, 0.5, 0.7)) -> None:
    assert service.post("/v1/studies", json={"name": name, "search_space": space}).status_code == 201
    low = space["learning_rate"]["low"]
    for index, value in enumerate(values):
        params: Json = {"learning_rate": low * 10**index}
        if "optimizer" in space:
            params["optimizer"] = ("sgd", "adamw")[index % 2]
        answer = service.post(f"/v1/studies/{name}/trials/record", json={"params": params, "value": value})
        assert answer.status_code == 201, answer.text


def _drawn(service: TestClient, path: str) -> str:
    page = service.get(path).text
    return page[page.index('<svg class="picture"') : page.index("</svg></svg>")]


def test_a_page_begins_with_the_plain_picture_whatever_others_asked_for(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_FIRST_LOOK_SECONDS", 60.0)
    for name in ("first", "second"):
        _study(service, name)
    plain = _drawn(service, "/studies/first")
    asked = _drawn(service, "/studies/second?by=-")
    assert asked.count("<svg") == plain.count("<svg") == _drawn(service, "/studies/second").count("<svg")


def test_a_page_whose_first_picture_fails_is_there_without_it(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> object:
        raise ValueError("no such picture")

    _study(service, "s")
    monkeypatch.setitem(pictures.PICTURES, "response", fails)
    page = service.get("/studies/s")
    assert page.status_code == 200
    assert 'id="answer"' in page.text
    assert '<svg class="picture"' not in page.text


def test_values_that_span_more_than_a_float_holds_have_pictures(service: TestClient) -> None:
    _study(service, "huge", values=HUGE)
    for name in ("response", "parallel", "parameter", "best", "curves"):
        assert service.get(f"/studies/huge/pictures/{name}").status_code == 200, name
    assert service.get("/studies/huge").status_code == 200


def test_rates_at_the_ends_of_what_floats_hold_have_a_picture_without_a_curve(service: TestClient) -> None:
    wide: Json = {"learning_rate": {"type": "float", "low": 1e-300, "high": 1e300, "log": True}}
    _study(service, "wide", wide, values=tuple(1.0 - index / 9 for index in range(8)))
    assert service.get("/studies/wide/pictures/response").status_code == 200
    assert service.get("/v1/studies/wide/response").status_code == 200


def test_what_no_picture_knows_in_a_query_makes_no_other_picture(service: TestClient) -> None:
    _study(service, "s")
    first, second = (service.get(f"/studies/s/pictures/best?x={number}") for number in range(2))
    assert first.headers["etag"] == second.headers["etag"]
    kept = service.app.state.kept  # type: ignore[attr-defined]
    assert len([key for _, key in kept._made if key.startswith("best")]) == 1
