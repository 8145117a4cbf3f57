import pytest

from tests.api.calls import SPACE, Json, StudyCalls, assert_in_space, assert_problem
from tests.api.conftest import NewStudy

POINT = {"learning_rate": 0.01, "batch_size": 64, "optimizer": "sgd", "momentum": 0.9, "num_layers": 3}
CURVE = [{"step": 1, "value": 0.5}, {"step": 2, "value": 0.25}]


@pytest.fixture
def mixed(new_study: NewStudy) -> StudyCalls:
    return new_study(search_space=SPACE, sampler={"name": "random"}, max_trials=3, max_steps=5)


def test_an_enqueued_point_is_the_next_trial(each_study: NewStudy) -> None:
    study = each_study(search_space=SPACE)
    response = study.post("/trials/enqueue", {"params": POINT})
    assert response.status_code == 201
    assert (response.json()["state"], response.json()["params"]) == ("waiting", POINT)
    leased = study.lease()
    assert (leased["number"], leased["attempt"], leased["params"]) == (0, 1, POINT)
    assert study.finish(leased, value=0.5)["params"] == POINT


def test_what_an_enqueued_point_leaves_out_is_sampled(mixed: StudyCalls) -> None:
    mixed.post("/trials/enqueue", {"params": {"optimizer": "adamw", "num_layers": 2}})
    params = mixed.lease()["params"]
    assert (params["optimizer"], params["num_layers"]) == ("adamw", 2)
    assert_in_space(SPACE, params)


def test_points_are_tried_in_the_order_they_were_enqueued(mixed: StudyCalls) -> None:
    for layers in (1, 2, 3):
        mixed.post("/trials/enqueue", {"params": {"num_layers": layers}})
    assert [mixed.lease()["params"]["num_layers"] for _ in range(3)] == [1, 2, 3]


def test_enqueued_points_count_against_the_budget_and_none_goes_beyond_it(mixed: StudyCalls) -> None:
    mixed.lease()
    for layers in (1, 2):
        assert mixed.post("/trials/enqueue", {"params": {"num_layers": layers}}).status_code == 201
    found = assert_problem(mixed.post("/trials/enqueue", {"params": {"num_layers": 3}}), 409, "budget-spent")
    assert "max_trials" in found["detail"]
    assert [mixed.lease()["number"] for _ in range(2)] == [1, 2]
    assert mixed.ask().json()["done"] is False


def test_a_stopped_study_takes_no_point(mixed: StudyCalls) -> None:
    mixed.patch(stopped=True)
    assert_problem(mixed.post("/trials/enqueue", {"params": {"num_layers": 3}}), 409, "budget-spent")


def test_no_point_is_enqueued_when_the_steps_are_spent(new_study: NewStudy) -> None:
    study = new_study(max_total_steps=5, max_steps=5)
    trial = study.lease()
    study.verdict(trial, (5, 0.5))
    study.finish(trial)
    found = assert_problem(study.post("/trials/enqueue", {"params": {"learning_rate": 0.1}}), 409, "budget-spent")
    assert "max_total_steps" in found["detail"]
    assert study.get("/status")["state"] == "finished"


@pytest.mark.parametrize("way", ["enqueue", "record"])
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"learning_rate": 2.0}, "learning_rate"),
        ({"learning_rate": "0.1"}, "learning_rate"),
        ({"learning_rate": True}, "learning_rate"),
        ({"learning_rate": 10**400}, "learning_rate"),
        ({"num_layers": 2.5}, "num_layers"),
        ({"num_layers": 7}, "num_layers"),
        ({"num_layers": 10**400}, "num_layers"),
        ({"batch_size": 48}, "batch_size"),
        ({"batch_size": "64"}, "batch_size"),
        ({"optimizer": "lion"}, "optimizer"),
        ({"optimizer": "adamw"}, "momentum"),
        ({"dropout": 0.5}, "dropout"),
    ],
    ids=str,
)
def test_a_point_outside_the_space_is_refused(mixed: StudyCalls, way: str, changed: Json, field: str) -> None:
    body: Json = {"params": {**POINT, **changed}}
    if way == "record":
        body["value"] = 1.0
    found = assert_problem(mixed.post(f"/trials/{way}", body), 422)
    assert found["errors"][0]["loc"] == ["params", field]
    assert mixed.trials() == []


@pytest.mark.parametrize(
    ("body", "state", "value", "step"),
    [
        ({"value": 0.125}, "complete", 0.125, None),
        ({"reports": CURVE}, "complete", 0.25, 2),
        ({"reports": CURVE, "value": 0.2, "state": "complete"}, "complete", 0.2, 2),
        ({"value": "nan"}, "diverged", None, None),
        ({"state": "diverged", "reports": [*CURVE, {"step": 3, "value": "inf"}]}, "diverged", None, 3),
        ({"state": "pruned", "reports": CURVE}, "pruned", 0.25, 2),
        ({"state": "failed"}, "failed", None, None),
    ],
)
def test_a_training_done_elsewhere_is_kept(
    each_study: NewStudy, body: Json, state: str, value: float | None, step: int | None
) -> None:
    study = each_study(search_space=SPACE, max_trials=1)
    response = study.post("/trials/record", {"params": POINT, **body})
    assert response.status_code == 201
    shown = study.trial(response.json()["number"])
    assert (shown["state"], shown["value"], shown["step"], shown["params"]) == (state, value, step, POINT)
    assert shown["curve"] == body.get("reports", [])
    assert study.get("/status")["trials"][state] == 1


def test_a_recorded_training_costs_no_budget_and_counts_as_evidence(new_study: NewStudy) -> None:
    study = new_study(search_space=SPACE, max_trials=1, max_total_steps=5, max_steps=5)
    for value in (0.5, 0.25):
        study.post("/trials/record", {"params": POINT, "value": value, "reports": CURVE})
    assert study.get("/status")["best"]["value"] == 0.25
    assert study.get("/suggestion")["trials"] == 2
    assert study.get("/status")["steps"]["trained"] == 0
    assert study.lease()["number"] == 2
    assert study.ask().json()["done"] is False


def test_a_recorded_training_needs_every_parameter(mixed: StudyCalls) -> None:
    without = {name: value for name, value in POINT.items() if name != "num_layers"}
    found = assert_problem(mixed.post("/trials/record", {"params": without, "value": 1.0}), 422)
    assert found["errors"][0]["loc"] == ["params", "num_layers"]


def test_a_complete_record_needs_a_value_or_reports(mixed: StudyCalls) -> None:
    found = assert_problem(mixed.post("/trials/record", {"params": POINT}), 422)
    assert "value" in found["detail"]
