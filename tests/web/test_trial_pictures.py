"""A trial's curve over several leases, and its life."""

from typing import Any

from starlette.testclient import TestClient

from tests.api.calls import Json

STUDY = "/v1/studies/s"
URI = "file:///c"


def _create(service: TestClient) -> None:
    body = {"name": "s", "max_steps": 12, "pruner": {"name": "none"}}
    assert service.post("/v1/studies", json=body).status_code == 201


def _ask(service: TestClient, worker: str) -> Json:
    body = {"worker": worker, "request_id": f"of {worker}"}
    leased: Json = service.post(f"{STUDY}/trials", json=body).json()
    assert "lease" in leased, leased
    return leased


def _report(service: TestClient, leased: Json, steps: range, **more: Any) -> None:
    reports = [{"step": step, "value": 10.0 / step} for step in steps]
    body = {"lease": leased["lease"], "reports": reports, **more}
    assert service.post(f"{STUDY}/trials/{leased['number']}/reports", json=body).status_code == 200


def _over_two_leases(service: TestClient) -> None:
    assert (
        service.post("/v1/studies", json={"name": "s", "max_steps": 12, "pruner": {"name": "none"}}).status_code == 201
    )
    first = _ask(service, "host-1")
    _report(service, first, range(1, 9), checkpoint={"uri": URI, "step": 5})
    given_back = {"lease": first["lease"], "checkpoint": {"uri": URI, "step": 5}}
    assert service.post(f"{STUDY}/trials/0/release", json=given_back).status_code == 200
    second = _ask(service, "host-2")
    assert second["number"] == 0
    _report(service, second, range(6, 13))
    ended = {"lease": second["lease"], "state": "complete"}
    assert service.post(f"{STUDY}/trials/0/result", json=ended).status_code == 200


def _traces(service: TestClient, picture: str) -> list[Json]:
    answer = service.get(f"/studies/s/pictures/{picture}?number=0")
    assert answer.status_code == 200, answer.text
    traces: list[Json] = answer.json()["data"]
    return traces


def test_what_an_earlier_lease_trained_past_its_checkpoint_is_drawn_beside_the_curve(service: TestClient) -> None:
    _over_two_leases(service)
    traces = _traces(service, "trial")
    lost = next(trace for trace in traces if trace["name"] == "lost with an earlier lease")
    curve = next(trace for trace in traces if trace["name"] == "trial 0")
    assert lost["x"] == [6, 7, 8]
    assert curve["x"] == list(range(1, 13))


def test_a_life_tells_who_had_the_trial_and_what_came_of_it(service: TestClient) -> None:
    _over_two_leases(service)
    rows = [(trace["y"][0], trace["text"][0].rpartition(": ")[2]) for trace in _traces(service, "life")]
    assert ("host-1", "given back") in rows
    assert ("host-2", "complete") in rows
    assert any(name == "no worker" for name, _ in rows)


def test_a_trial_of_one_lease_writes_no_log_of_its_life(service: TestClient) -> None:
    assert (
        service.post("/v1/studies", json={"name": "s", "max_steps": 12, "pruner": {"name": "none"}}).status_code == 201
    )
    leased = _ask(service, "host-1")
    _report(service, leased, range(1, 13))
    service.post(f"{STUDY}/trials/0/result", json={"lease": leased["lease"], "state": "complete"})
    study = service.app.state.container.engine.resident("s")  # type: ignore[attr-defined]
    assert "lrtune:life" not in study.trials[0].system_attrs
    assert [trace["y"] for trace in _traces(service, "life")] == [["host-1"]]


def test_a_loss_that_is_not_finite_is_marked_where_it_is(service: TestClient) -> None:
    assert service.post("/v1/studies", json={"name": "s"}).status_code == 201
    reports = [{"step": step, "value": value} for step, value in enumerate([2.0, 1.0, "nan"], 1)]
    body = {"params": {"learning_rate": 0.1}, "state": "diverged", "reports": reports}
    assert service.post(f"{STUDY}/trials/record", json=body).status_code == 201
    shapes = service.get("/studies/s/pictures/trial?number=0").json()["layout"]["shapes"]
    assert any(shape["x0"] == shape["x1"] == 3 for shape in shapes)
