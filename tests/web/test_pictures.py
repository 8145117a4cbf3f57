"""The pictures of a study, as a page fetches them."""

from typing import Any

import plotly.graph_objects as go
import pytest
from starlette.testclient import TestClient

from lrtune.service.pictures.progress.curves import MOST_CURVES, MOST_POINTS
from tests.api.calls import Json

NAMES = ("response", "curves", "schedules", "parameters")


def create(service: TestClient, name: str = "s", **fields: Any) -> None:
    assert service.post("/v1/studies", json={"name": name, **fields}).status_code == 201


def record(service: TestClient, rate: float, losses: list[Any], study: str = "s", **fields: Any) -> int:
    reports = [{"step": step, "value": loss} for step, loss in enumerate(losses, 1)]
    body = {"params": {"learning_rate": rate}, "reports": reports, **fields}
    return int(service.post(f"/v1/studies/{study}/trials/record", json=body).json()["number"])


def picture(service: TestClient, name: str, study: str = "s") -> Json:
    answer = service.get(f"/studies/{study}/pictures/{name}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    go.Figure({"data": found["data"], "layout": found["layout"]})
    return found


def lines(found: Json) -> dict[int, Json]:
    """The curves, by trial."""
    return {trace["meta"]["trial"]: trace for trace in found["data"] if "meta" in trace}


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_a_trial_has_every_picture(service: TestClient, name: str) -> None:
    create(service)
    assert picture(service, name)["layout"]["meta"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_a_rate_has_every_picture(service: TestClient, name: str) -> None:
    create(service, search_space={"layers": {"type": "int", "low": 1, "high": 6}})
    service.post("/v1/studies/s/trials/record", json={"params": {"layers": 2}, "value": 0.5})
    assert picture(service, name)["layout"]["meta"]


def test_curves_are_of_the_best_the_running_ones_and_the_latest(service: TestClient) -> None:
    create(service)
    best = record(service, 0.1, [0.01])
    asked = service.post("/v1/studies/s/trials", json={"worker": "w", "request_id": "1"}).json()
    report = {"lease": asked["lease"], "reports": [{"step": 1, "value": 0.5}]}
    service.post(f"/v1/studies/s/trials/{asked['number']}/reports", json=report)
    others = [record(service, 0.1, [1.0, 0.5]) for _ in range(MOST_CURVES + 5)]
    found = picture(service, "curves")
    assert set(lines(found)) == {best, asked["number"], *others[-MOST_CURVES + 2 :]}
    assert max(line["line"]["width"] for line in lines(found).values()) == lines(found)[best]["line"]["width"]
    assert "running (1)" in {trace.get("name") for trace in found["data"]}
    assert found["layout"]["title"]["text"] == f"study s: {MOST_CURVES} of {MOST_CURVES + 7} trials drawn"


def test_a_curve_that_goes_on_is_drawn_anew_and_one_that_is_over_as_before(service: TestClient) -> None:
    create(service, max_steps=500)
    over = record(service, 0.1, [1.0] * 500)
    asked = service.post("/v1/studies/s/trials", json={"worker": "w", "request_id": "1"}).json()
    for step in (1, 2, 3):
        report = {"lease": asked["lease"], "reports": [{"step": step, "value": 0.5}]}
        service.post(f"/v1/studies/s/trials/{asked['number']}/reports", json=report)
        found = lines(picture(service, "curves"))
        assert found[asked["number"]]["x"] == list(range(1, step + 1))
        assert len(found[over]["x"]) <= MOST_POINTS


def test_the_range_test_is_a_picture_and_on_the_response(service: TestClient) -> None:
    create(service)
    assert service.get("/studies/s/pictures/range-test").status_code == 404
    rates = [1e-5 * 1.2**n for n in range(60)]
    losses = [2.3 - min(n, 45) * 0.04 + max(0, n - 50) ** 2 for n in range(60)]
    body = {"learning_rates": rates, "losses": losses}
    kept = service.post("/v1/studies/s/range-tests", json=body).json()
    assert picture(service, "range-test") == picture(service, "range-test?number=0")
    assert service.get("/studies/s/pictures/range-test?number=1").status_code == 404
    assert service.get("/studies/s/pictures/range-test?number=x").status_code == 422
    at = [shape["x0"] for shape in picture(service, "response")["layout"]["shapes"]]
    assert kept["recommended"] in at


def test_schedules_are_those_asked_for(service: TestClient) -> None:
    create(service)
    found = picture(service, "schedules?schedule=cosine&schedule=linear&log=1")
    assert [trace["name"] for trace in found["data"] if trace["name"] in ("cosine", "linear", "constant")] == [
        "cosine",
        "linear",
    ]
    assert found["layout"]["yaxis"]["type"] == "log"
    assert service.get("/studies/s/pictures/schedules?schedule=none").status_code == 422


def test_a_narrow_page_gets_its_panels_below_each_other(service: TestClient) -> None:
    create(service, search_space={name: {"type": "float", "low": 0, "high": 1} for name in ("a", "b")})
    wide, narrow = (picture(service, f"parameters{query}")["layout"] for query in ("", "?columns=1"))
    assert wide["xaxis2"]["domain"][0] > 0.4
    assert narrow["xaxis2"]["domain"] == [0.0, 1.0]
    assert service.get("/studies/s/pictures/parameters?columns=0").status_code == 422


def test_who_has_the_picture_as_it_is_gets_none(service: TestClient) -> None:
    create(service)
    tag = service.get("/studies/s/pictures/curves").headers["etag"]
    again = {"If-None-Match": tag}
    assert service.get("/studies/s/pictures/curves", headers=again).status_code == 304
    record(service, 0.1, [1.0])
    assert service.get("/studies/s/pictures/curves", headers=again).status_code == 200
    assert service.get("/studies/s/pictures/nothing").status_code == 404
