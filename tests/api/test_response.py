"""`GET /v1/studies/{study}/response`."""

import math
import random

import pytest
from starlette.testclient import TestClient

from tests.api.calls import SPACE, Json, StudyCalls, assert_problem
from tests.api.conftest import NewStudy

ONE = {"learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True}}


def train(study: StudyCalls, count: int, *, edge: float = 0.1, **params: object) -> None:
    """Runs whose loss is lowest at 1e-2 and noisy above it; from `edge` on they diverge."""
    draws = random.Random(0)
    for _ in range(count):
        rate = 10 ** draws.uniform(-5, 0)
        away = math.log10(rate / 1e-2)
        body: Json = {"params": {"learning_rate": rate, **params}}
        if rate >= edge:
            body["state"] = "diverged"
        else:
            body["value"] = 0.5 + 0.1 * away**2 + abs(draws.gauss(0, 0.1 if away > 0 else 0.005))
        assert study.post("/trials/record", body).status_code == 201


def test_the_mean_has_its_valley_where_the_loss_has(new_study: NewStudy) -> None:
    study = new_study(search_space=ONE)
    train(study, 60)
    found = study.get("/response")
    fit = found["fit"]
    grid = fit["learning_rates"]
    assert (grid[0], grid[-1]) == (1e-5, 1.0)
    assert 3e-3 < grid[min(range(len(grid)), key=fit["mean"].__getitem__)] < 3e-2
    assert all(low < mean < high for low, mean, high in zip(fit["low"], fit["mean"], fit["high"], strict=True))
    states = [point["state"] for point in found["points"]]
    assert len(states) == 60
    assert all(
        (p["value"] is None) == (p["state"] == "diverged") == (p["learning_rate"] >= 0.1) for p in found["points"]
    )
    assert 0.03 < found["max_stable_learning_rate"] < 0.4
    assert found["stable"][0] > 0.9 > 0.1 > found["stable"][-1]
    assert found["stable"] == sorted(found["stable"], reverse=True)
    assert found["suggested"] == study.get("/suggestion")["learning_rate"]
    assert found["trials"] == 60


def test_noise_is_told_where_it_is(new_study: NewStudy) -> None:
    study = new_study(search_space=ONE)
    train(study, 80)
    fit = study.get("/response")["fit"]
    noise = dict(zip(fit["learning_rates"], fit["noise"], strict=True))
    quiet = max(sd for rate, sd in noise.items() if rate < 1e-3)
    loud = min(sd for rate, sd in noise.items() if 2e-2 < rate < 8e-2)
    assert loud > 3 * quiet


def test_another_trial_renews_the_answer(study: StudyCalls) -> None:
    train(study, 3, edge=2.0)
    before = study.get("/response")
    assert study.get("/response") == before
    train(study, 1, edge=2.0)
    assert len(study.get("/response")["points"]) == 4


def test_before_three_trials_are_complete_there_is_no_fit(study: StudyCalls) -> None:
    found = study.get("/response")
    assert (found["fit"], found["stable"], found["points"], found["trials"]) == (None, [], [], 0)
    train(study, 2, edge=2.0)
    assert study.get("/response")["fit"] is None
    assert len(study.get("/response")["points"]) == 2


def test_only_trials_with_the_best_ones_choices_are_fitted(new_study: NewStudy) -> None:
    study = new_study(search_space={name: SPACE[name] for name in ("learning_rate", "optimizer")})
    train(study, 5, edge=2.0, optimizer="sgd")
    train(study, 4, edge=2.0, optimizer="adamw")
    study.post("/trials/record", {"params": {"learning_rate": 0.01, "optimizer": "adamw"}, "value": 0.01})
    found = study.get("/response")
    assert found["categories"] == {"optimizer": "adamw"}
    assert len([point for point in found["points"] if point["categories"] == found["categories"]]) == 5
    assert len(found["points"]) == 10, "what was trained with other choices is told, and is no part of the fit"


def test_every_trial_that_has_begun_is_told_with_what_it_came_to(study: StudyCalls) -> None:
    def record(rate: float, **body: object) -> None:
        assert study.post("/trials/record", {"params": {"learning_rate": rate}, **body}).status_code == 201

    record(1e-2, value=0.1)
    record(1e-4, state="pruned", reports=[{"step": 1, "value": 2.0}, {"step": 2, "value": 1.9}])
    record(0.5, state="diverged", reports=[{"step": 1, "value": 900.0}])
    record(1e-3, state="failed")
    study.get("/response")
    trial = study.lease()
    study.report(trial, (1, 1.5))
    study.post("/trials/enqueue", {"params": {"learning_rate": 0.2}})
    found = study.get("/response")
    told = {point["trial"]: (point["state"], point["value"]) for point in found["points"]}
    assert told == {
        0: ("complete", 0.1),
        1: ("pruned", 1.9),
        2: ("diverged", None),
        3: ("failed", None),
        4: ("running", 1.5),
    }
    assert found["points"] == sorted(found["points"], key=lambda point: point["learning_rate"])
    assert found["counts"] == {"complete": 1, "pruned": 1, "diverged": 1, "failed": 1, "running": 1}
    assert (found["trials"], found["bounds"]) == (3, [1e-6, 1.0])
    study.report(trial, (2, 1.25))
    assert [p["value"] for p in study.get("/response")["points"] if p["state"] == "running"] == [1.25]


def test_a_trial_without_the_rate_has_no_place_and_is_counted(new_study: NewStudy) -> None:
    space = {
        "learning_rate": {**ONE["learning_rate"], "when": {"optimizer": ["sgd"]}},
        "optimizer": {"type": "categorical", "choices": ["sgd", "lbfgs"]},
    }
    study = new_study(search_space=space)
    train(study, 4, edge=2.0, optimizer="sgd")
    study.post("/trials/record", {"params": {"optimizer": "lbfgs"}, "value": 2.0})
    found = study.get("/response")
    assert (len(found["points"]), found["without_rate"], found["counts"]) == (4, 1, {"complete": 5})


def test_maximized_and_negative_metrics_are_fitted(new_study: NewStudy) -> None:
    study = new_study(search_space=ONE, direction="maximize")
    for exponent in range(-5, 1):
        value = -((exponent + 2) ** 2) + 1.0
        study.post("/trials/record", {"params": {"learning_rate": 10.0**exponent}, "value": value})
    fit = study.get("/response")["fit"]
    best = max(range(len(fit["mean"])), key=fit["mean"].__getitem__)
    assert 1e-3 < fit["learning_rates"][best] < 1e-1


@pytest.mark.parametrize("value", [1e308, -1e308, 1e-308, 0.0])
def test_values_at_the_ends_of_what_floats_hold_are_fitted(study: StudyCalls, value: float) -> None:
    for rate in (1e-4, 1e-3, 1e-2, 1e-1):
        study.post("/trials/record", {"params": {"learning_rate": rate}, "value": value if rate < 1e-2 else 0.5})
    assert len(study.get("/response")["points"]) == 4


def test_a_study_without_a_learning_rate_says_so(new_study: NewStudy) -> None:
    study = new_study(search_space={"num_layers": {"type": "int", "low": 1, "high": 3}})
    found = study.get("/response")
    assert (found["parameter"], found["points"], found["fit"]) == (None, [], None)


def test_a_study_that_is_not_there_has_no_response(client: TestClient) -> None:
    assert_problem(client.get("/v1/studies/nobody/response"), 404, "study-not-found")
