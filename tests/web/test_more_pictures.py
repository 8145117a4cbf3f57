"""Pictures of odd studies, and who may see several at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from lrtune.service.pictures.space.importance import Importances
from lrtune.service.tuning.views.drawn.importance import Weighing
from tests.api.calls import Json

RATE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}
SPACE = RATE | {
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam<b>", True]},
    "momentum": {"type": "float", "low": 0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
    "layers": {"type": "int", "low": 1, "high": 4},
}
PICTURES = (
    "best",
    "best?over=steps",
    "best?over=hours",
    "budget",
    "rungs",
    "importance",
    "parallel",
    "parameter",
    "parameter?parameter=optimizer",
    "trial?number=0",
    "life?number=0",
)


def _point(index: int) -> Json:
    params: Json = {"learning_rate": 10 ** -(1 + index % 4), "layers": 1 + index % 4}
    params["optimizer"] = ("sgd", "adam<b>", True)[index % 3]
    if params["optimizer"] == "sgd":
        params["momentum"] = 0.1 * (index % 9)
    return params


def _record(service: TestClient, name: str, index: int, **told: Any) -> None:
    body = {"params": _point(index), **told}
    answer = service.post(f"/v1/studies/{name}/trials/record", json=body)
    assert answer.status_code == 201, answer.text


def _create(service: TestClient, name: str, **spec: Any) -> None:
    body = {"name": name, "search_space": SPACE, "max_steps": 20, **spec}
    assert service.post("/v1/studies", json=body).status_code == 201


def _curve(values: list[Any]) -> list[Json]:
    return [{"step": step, "value": value} for step, value in enumerate(values, 1)]


def _fill(service: TestClient, kind: str) -> str:
    _create(service, kind, direction="maximize" if kind == "maximizing" else "minimize")
    for index in range({"none": 0, "one": 1}.get(kind, 30)):
        if kind == "all-diverged":
            _record(service, kind, index, state="diverged", reports=_curve([1.0, 7e11, "inf"]))
        elif kind == "all-failed":
            _record(service, kind, index, state="failed")
        else:
            value = 0.5 if kind == "all-equal" else -0.25 if kind == "negative" else 0.1 + index % 7
            _record(service, kind, index, state="complete", reports=_curve([2.0, "nan" if index == 3 else 1.5, value]))
    return kind


KINDS = ("none", "one", "all-diverged", "all-failed", "all-equal", "negative", "maximizing", "many")


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_of_an_odd_study_is_drawn_and_says_what_it_shows(service: TestClient, kind: str) -> None:
    name = _fill(service, kind)
    for picture in PICTURES:
        answer = service.get(f"/studies/{name}/pictures/{picture}")
        if kind == "none" and "number" in picture:
            assert answer.status_code == 404
            continue
        assert answer.status_code == 200, (picture, answer.text)
        assert len(str(answer.json()["layout"]["meta"])) > 10, picture
        assert "<b>" not in answer.text, picture


def _drawn(service: TestClient, study: str, picture: str) -> Json:
    found: Json = service.get(f"/studies/{study}/pictures/{picture}").json()
    return found


def test_the_best_so_far_only_goes_down(service: TestClient) -> None:
    name = _fill(service, "many")
    line = next(trace for trace in _drawn(service, name, "best")["data"] if trace.get("line", {}).get("shape") == "hv")
    assert line["y"] == sorted(line["y"], reverse=True)
    assert line["y"][-1] == pytest.approx(0.1)
    assert line["x"][-1] == 30


def test_importance_finds_the_parameter_that_decides(service: TestClient) -> None:
    _create(service, "s")
    for index in range(40):
        _record(service, "s", index, state="complete", value=float(index % 4))
    bars = _drawn(service, "s", "importance")["data"][-1]
    assert bars["y"][-1] in ("learning_rate", "layers")
    assert bars["x"] == sorted(bars["x"])
    assert sum(bars["x"]) == pytest.approx(100)
    assert set(bars["y"]) == {"learning_rate", "layers"}, "the optimizer makes no difference"


def test_importance_says_what_it_rests_on_and_what_is_no_more_than_chance(service: TestClient) -> None:
    _create(service, "told")
    for index in range(40):
        _record(service, "told", index, state="complete", value=float(index % 4))
    for index in range(7):
        _record(service, "told", index, state="pruned", reports=_curve([3.0]))
    said = str(_drawn(service, "told", "importance")["layout"]["meta"])
    assert "This rests on 40 complete trials; 7 stopped ones are left out" in said
    assert "No more than chance: optimizer" in said


def test_parameters_that_make_no_difference_have_no_bars(service: TestClient) -> None:
    _create(service, "noise")
    draw = Random(3)
    for _ in range(60):
        _record(service, "noise", draw.randrange(1000), state="complete", value=draw.random())
    drawn = _drawn(service, "noise", "importance")
    assert not drawn["data"]
    assert "No parameter sets the best trials apart by more than chance would" in str(drawn["layout"]["meta"])


def test_importances_are_worked_out_once_for_all_who_ask_at_once(
    service: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, runs, run = _fill(service, "many"), [], Weighing.run

    def counted(weighing: Weighing) -> Importances:
        runs.append(weighing)
        time.sleep(0.2)
        return run(weighing)

    monkeypatch.setattr(Weighing, "run", counted)
    with ThreadPoolExecutor() as both:
        list(both.map(lambda picture: _drawn(service, name, picture), ("importance", "parallel")))
    assert len(runs) == 1


def test_two_hundred_parameters_are_shown_by_ten(service: TestClient) -> None:
    space = RATE | {f"p{index}": {"type": "float", "low": 0, "high": 1} for index in range(199)}
    assert service.post("/v1/studies", json={"name": "wide", "search_space": space}).status_code == 201
    for index in range(25):
        params = {"learning_rate": 10 ** -(1 + index % 4)} | {f"p{at}": (index * at % 10) / 10 for at in range(199)}
        body = {"params": params, "value": params["p7"]}
        assert service.post("/v1/studies/wide/trials/record", json=body).status_code == 201
    drawn = _drawn(service, "wide", "parallel")
    assert len(drawn["layout"]["xaxis"]["tickvals"]) == 11
    assert "10" in str(drawn["layout"]["meta"])
    assert "200" in str(drawn["layout"]["meta"])


def test_a_stranger_parameter_is_refused_with_its_name(service: TestClient) -> None:
    _create(service, "s")
    answer = service.get("/studies/s/pictures/parameter?parameter=nosuch")
    assert answer.status_code == 422
    assert "nosuch" in answer.text


def test_studies_are_compared_with_a_line_each_and_a_panel_for_each_metric(service: TestClient) -> None:
    names = [_fill(service, kind) for kind in ("many", "all-equal", "maximizing")]
    drawn = service.get("/pictures/compare", params={"study": names}).json()
    lines = {trace["name"] for trace in drawn["data"] if trace.get("showlegend")}
    assert lines == set(names)
    assert {"xaxis", "xaxis2", "xaxis3"} <= drawn["layout"].keys()


@pytest.mark.parametrize("count", [0, 1, 6])
def test_it_takes_two_to_five_studies_to_compare(service: TestClient, count: int) -> None:
    answer = service.get("/pictures/compare", params={"study": [f"s{index}" for index in range(count)]})
    assert answer.status_code == 422


def test_a_study_out_of_scope_is_not_compared(service: TestClient) -> None:
    for name in ("mine-1", "other-1"):
        _create(service, name)
    admin = service.post("/v1/tokens", json={"role": "admin", "name": "ada"}).json()
    by_admin = {"Authorization": f"Bearer {admin['secret']}"}
    made = service.post(
        "/v1/tokens", json={"role": "viewer", "name": "v", "scopes": ["mine-*"]}, headers=by_admin
    ).json()
    mine = {"Authorization": f"Bearer {made['secret']}"}
    asked = {"study": ["mine-1", "other-1"]}
    elsewhere = service.get("/v1/studies/other-1", headers=mine)
    refused = service.get("/pictures/compare", params=asked, headers=mine)
    assert refused.status_code == elsewhere.status_code == 403
    assert refused.json()["type"] == elsewhere.json()["type"]
    assert service.get("/pictures/compare", params=asked, headers=by_admin).status_code == 200
